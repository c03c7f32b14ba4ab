/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* below.h - a file system that is mounted below the new root. */
#pragma once

#include <stdbool.h>

#include "init/core/err.h"
#include "modules/root/purpose.h"

struct root_below {
	const char *path;       /* of the device; not looked at for a tmpfs */
	const char *filesystem; /* as probed and allowed, or "tmpfs" */
	const char *where;      /* absolute and clean: a directory that is there */
	const char *options;    /* for root_options_parse() */
	bool writable;
	struct purpose *ret_purpose; /* as that of a root_request */
};

/* Mounts it nodev in /sysroot, where no link may be on the way. root_unmount() undoes it, too.
 * Errors: ERR_ROOT_FSTAB, ERR_ROOT_MOUNT. On failure nothing stays mounted. */
int root_mount_below(const struct root_below *b, struct err *e);

void root_unmount_below(const char *where);
