/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "modules/verity/set.h"

static int read_partition(void *arg, const struct partition *p, uint8_t *ret, size_t n,
			  struct err *e)
{
	SCOPED(fd_close) int fd = disk_open_partition(arg, p, e);

	return fd < 0 ? fd : pread_full(fd, ret, n, 0, e);
}

int verity_set_choose(const struct disk *disk, enum designator d,
		      const struct verity_set_wish *wish, struct verity_set *ret, struct err *e)
{
	return verity_set_read(&disk->gpt, d, wish, read_partition, (void *)disk, ret, e);
}
