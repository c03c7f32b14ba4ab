/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystem.h - which file system a volume holds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "init/core/err.h"

enum { FILESYSTEM_NAME_BYTES = 16, LUKS_MAGIC_BYTES = 6 };

/* Is what begins so a LUKS volume? */
bool filesystem_is_luks(const uint8_t start[static LUKS_MAGIC_BYTES]);

/* Probes n_bytes at this place of the open device or file (0 and 0: all of it) with
 * libblkid's safe probing: ambiguous content is refused, and a file system that is larger than its
 * volume. Only file systems that may be mounted without being asked for are named: btrfs erofs ext4
 * f2fs squashfs vfat xfs.
 * Errors: ERR_ROOT_MOUNT, ERR_MEMORY. */
int filesystem_probe(int fd, uint64_t at, uint64_t n_bytes,
		     char ret[static FILESYSTEM_NAME_BYTES], struct err *e);

enum filesystem_tag { FILESYSTEM_UUID, FILESYSTEM_LABEL };

/* Whether what is on the whole device has this UUID (in either case) or label. What cannot be read, or
 * could be several things, has none. */
bool filesystem_has(int fd, enum filesystem_tag tag, const char *value);
