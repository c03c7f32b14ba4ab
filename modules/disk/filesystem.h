/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystem.h - which file system a proven volume holds. */
#pragma once

#include "init/core/err.h"

enum { FILESYSTEM_NAME_BYTES = 16 };

/* Probes the open block device with libblkid's safe probing: ambiguous content
 * is refused. Only file systems that may be mounted without being asked for are
 * named: btrfs erofs ext4 f2fs squashfs vfat xfs.
 * Errors: ERR_ROOT_MOUNT, ERR_MEMORY. */
int filesystem_probe(int fd, char ret[static FILESYSTEM_NAME_BYTES], struct err *e);
