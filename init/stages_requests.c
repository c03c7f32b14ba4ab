/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the system that ran before asks of this boot, and this initrd does not do: it says so, and
 * sees to it that nothing comes of half an answer. */
#define _GNU_SOURCE
#include "init/stages.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "init/core/path.h"
#include "modules/root/fstab.h"

#define SYSROOT "/sysroot"

enum { MAX_NOTES = 8 };

void note_requests(struct boot *b)
{
	const struct options *o = &b->options;

	if (b->firmware.hibernated)
		log_warning("the machine was hibernated, and this initrd does not resume: the machine "
			    "starts afresh, and what was not saved is lost");
	/* The word counts for more, as it does for systemd. */
	if (o->has_factory_reset ? o->factory_reset : b->firmware.factory_reset)
		log_warning("a factory reset is asked for: this initrd erases nothing and leaves it to the host");
}

/* Whether there is one that can be read. */
static bool read_fstab(char *ret)
{
	SCOPED(fd_close) int root = open(SYSROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
	SCOPED(fd_close) int fd = root < 0 ? -1 : path_open_inside(root, "etc/fstab", O_RDONLY | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	n = read_upto(fd, ret, FSTAB_MAX_BYTES);
	if (n == FSTAB_MAX_BYTES)
		log_warning("the fstab of the root has %d bytes or more: what follows is not looked at",
			    FSTAB_MAX_BYTES);
	ret[n < 0 ? 0 : n] = '\0';
	return n > 0;
}

/* What is proven decides about mounts here, and an fstab names file systems that are not. */
void note_fstab(void)
{
	SCOPED(mem_free) char *text = malloc(FSTAB_MAX_BYTES + 1);
	struct fstab f = { .text = text };
	struct fstab_entry entry;
	enum fstab_result rc;
	unsigned n = 0;

	if (!text || !read_fstab(text))
		return;
	while (n < MAX_NOTES && (rc = fstab_next(&f, &entry)) != FSTAB_END) {
		if (rc == FSTAB_BAD || !fstab_is_for_initrd(&entry))
			continue;
		n++;
		log_warning("line %u of the root's fstab wants '%.60s' mounted by the initrd: that is left to "
			    "the host", f.line, entry.where);
	}
}

void forget_hibernation(struct boot *b)
{
	struct err e;

	if (!b->firmware.hibernated)
		return;
	if (firmware_forget_hibernation(&e) < 0)
		log_warning("%s: no other initrd must resume now, continuing", e.what);
	else
		log_info("'HibernateLocation' is removed: what was frozen does not fit the disk any more");
}
