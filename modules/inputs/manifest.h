/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* manifest.h - the list of what an initrd was built with, which it carries.
 * Spec: slipway-mkinitrd(8). Pure. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"

#define MANIFEST_PATH "/etc/slipway.manifest"

enum { MANIFEST_MAX_BYTES = 8 * 1024 * 1024, MANIFEST_MAX_ENTRIES = 65536 };

struct manifest_entry {
	char path[PATH_MAX];    /* absolute */
	uint32_t mode;          /* type and permissions, as in stat(2) */
	uint64_t bytes;         /* of the contents, or of a link's target; 0 of a device node */
	uint32_t major, minor;  /* of a device node */
	bool has_digest;
	uint8_t sha256[32];     /* of the contents, or of a link's target */
};

struct manifest {
	const char *at, *end;   /* borrowed */
	size_t line, n_entries; /* what was read */
};

/* Begins to read text[0..n), which stays the caller's and must outlive *ret.
 * Errors: ERR_INITRD_INCOMPLETE if it is not of a version that this program knows. */
int manifest_begin(const char *text, size_t n, struct manifest *ret, struct err *e);

/* Reads the next entry. Returns 1, or 0 at the end.
 * Errors: ERR_INITRD_INCOMPLETE, with the line, for one that is malformed or too many. */
int manifest_next(struct manifest *m, struct manifest_entry *ret, struct err *e);
