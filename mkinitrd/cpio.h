/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cpio.h - writes the archive format that the kernel unpacks: newc, magic 070701.
 * Spec: Documentation/driver-api/early-userspace/buffer-format.rst. No I/O. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"

struct cpio_entry {
	char *path;    /* relative, no leading '/' */
	uint32_t mode; /* type and permissions, as in stat(2) */
	uint32_t major, minor; /* of a device node */
	char *data;    /* contents, or a link's target without its NUL */
	size_t n_data;
	char *why;     /* for the manifest; the writer ignores it */
};

/* Takes n bytes; a failure ends the archive. */
typedef int (*cpio_sink)(void *arg, const void *p, size_t n, struct err *e);

/* Writes all entries and the trailer. Owners are 0, every time is mtime, inodes
 * count from 1: the bytes depend on the arguments alone. The entries must be in
 * strictly ascending order of their paths' bytes, so that parents come before
 * children. Errors: ERR_CONFIG for an order, a path or a size that the format or
 * the kernel cannot take; what the sink returns. */
int cpio_write(const struct cpio_entry *entries, size_t n, uint32_t mtime, cpio_sink sink,
	       void *arg, struct err *e);
