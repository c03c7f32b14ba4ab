/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image.h - an initrd, or the one in a UKI, as the kernel would unpack it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/bytes.h"
#include "init/core/err.h"
#include "mkinitrd/archive.h"

enum {
	IMAGE_MAX_BYTES = 1 << 30, /* of the file, and of all that it unpacks to */
	IMAGE_MAX_PARTS = 64,
};

struct image {
	char *file;             /* owned, as the next two */
	char *parts[IMAGE_MAX_PARTS]; /* what compressed parts unpacked to */
	struct archive archive; /* of all parts, in their order; points into file and parts */
	struct bytes uki;       /* the whole file if it is a UKI, else empty */
	struct bytes initrd;    /* what the kernel is given */
	size_t n_parts;
};

/* Reads and parses path. The caller calls image_done(), also after an error.
 * Errors: ERR_SYSTEM if it cannot be read; ERR_CONFIG, ERR_UNSUPPORTED, ERR_MEMORY as
 * archive_parse() and decompress_part(), naming path. */
int image_open(const char *path, struct image *ret, struct err *e);

/* The same for the bytes of an initrd, which must outlive ret; errors name no file. */
int image_parse(struct bytes initrd, struct image *ret, struct err *e);

void image_done(struct image *i);

/* The entry that unpacking leaves at this path (a leading '/' does not matter), which is the last
 * one of that name; NULL if there is none. */
const struct archive_entry *image_find(const struct image *i, const char *path);

/* The entries that unpacking leaves, by the bytes of their paths (archive_path()), so that
 * folders come before what is in them. The caller frees *ret. Errors: ERR_MEMORY. */
int image_sort(const struct image *i, const struct archive_entry ***ret, size_t *ret_n,
	       struct err *e);
