/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kernel_view.h - the partitions of a disk as the kernel shows them in sysfs. */
#pragma once

#include "init/core/err.h"
#include "modules/disk/gpt.h"

struct kernel_partition {
	char devname[32];
	unsigned number;
	uint64_t start_bytes, n_bytes;
};

/* One partition from its directory in sysfs; devname stays empty.
 * Errors: ERR_SYSTEM. */
int kernel_partition_read(const char *sys_dir, struct kernel_partition *ret, struct err *e);

/* All partitions below the disk's directory in sysfs, such as
 * "/sys/class/block/vda"; the caller frees *ret. Errors: ERR_SYSTEM, ERR_MEMORY. */
int kernel_partitions_read(const char *sys_dir, struct kernel_partition **ret, size_t *ret_n,
			   struct err *e);

/* Fills partition.devname from the kernel's list. An entry that the table has and
 * we ignore may be there or not. Pure.
 * Errors: ERR_GPT_DISAGREES if a partition differs or is not in the table. */
int kernel_partitions_match(struct gpt *gpt, const struct kernel_partition *list, size_t n,
			    struct err *e);

/* The same extent? */
bool kernel_partition_is(const struct kernel_partition *k, const struct partition *p,
			 unsigned sector_bytes);
