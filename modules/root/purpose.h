/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* purpose.h - what a file system says it is for: where it may be mounted, and in which partitions it
 * may lie. Spec: systemd-validatefs@.service(8). Trust: the lists are proven, but may be
 * anything; the partition table is hostile. */
#pragma once

#include <stddef.h>

#include "init/core/err.h"
#include "modules/disk/gpt.h"

enum { PURPOSE_MAX_BYTES = 4096 };

/* Each is an extended attribute of the file system's root directory. */
enum purpose_kind {
	PURPOSE_MOUNT_POINT,
	PURPOSE_LABEL, /* of each partition below, that of the hashes too */
	PURPOSE_TYPE,
	PURPOSE_N,
};

/* Strings, a zero byte behind each but perhaps the last one. */
struct purpose_list {
	size_t n_bytes; /* 0: the file system does not say */
	char bytes[PURPOSE_MAX_BYTES + 1];
};

/* Zeroed, it allows everything. */
struct purpose {
	struct purpose_list lists[PURPOSE_N];
};

/* The name of the attribute: "user.validatefs.mount_point", ... */
const char *purpose_attribute(enum purpose_kind kind);

/* Reads them of the root directory of what is mounted. Errors: ERR_ROOT_MOUNT. */
int purpose_read(int directory, struct purpose *ret, struct err *e);

/* May it be mounted at this absolute path of the new root? No errors but ERR_ROOT_MISPLACED, also
 * for a list with an item that is no such path. */
int purpose_check_mount_point(const struct purpose *p, const char *path, struct err *e);

/* May it lie in this partition? Errors likewise. */
int purpose_check_partition(const struct purpose *p, const struct partition *partition,
			    struct err *e);
