/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* archive.h - reads the archives that the kernel unpacks: newc, magic 070701 or 070702.
 * Spec: Documentation/driver-api/early-userspace/buffer-format.rst. No I/O.
 *
 * What the kernel would skip or leave half done without a word is an error here. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

enum { ARCHIVE_MAX_ENTRIES = 1 << 18 };

/* Points into the parsed bytes, which must outlive it. */
struct archive_entry {
	const char *path; /* as stored, not empty; it may start with '/' or hold ".." */
	uint32_t mode;    /* type and permissions, as in stat(2) */
	uint32_t uid, gid;
	uint32_t mtime;
	uint32_t major, minor; /* of a device node */
	/* Contents, or the target of a link without a NUL. Those of a hard link are what
	 * unpacking leaves in all its names: the last contents stored with one of them. */
	struct bytes data;
	/* What makes two names one file, if n_links is 2 or more. */
	uint32_t inode, n_links, device_major, device_minor;
};

struct archive {
	struct archive_entry *entries; /* in the order of the bytes */
	size_t n, room;
};

void archive_done(struct archive *a);

/* Appends the entries of the archives at b.p, which is aligned as the kernel sees it: one
 * archive or several, each with its trailer, zeros between and behind. Stops before what
 * can be no further archive; *ret_used is its offset, b.n if there is nothing.
 * Errors: ERR_CONFIG if the bytes break the format or a limit, naming the byte;
 * ERR_MEMORY. The caller calls archive_done(), also after an error. */
int archive_parse(struct bytes b, struct archive *ret, size_t *ret_used, struct err *e);

/* The path without what unpacking ignores at its start: "./" and "/"; "" is the root. */
const char *archive_path(const struct archive_entry *entry);
