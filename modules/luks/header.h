/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* header.h - whether a LUKS2 header asks for nothing that must not be opened.
 * Spec: LUKS2 On-Disk Format 1.1.4. Trust: input is hostile. Pure.
 *
 * Nobody signs a header: whoever holds the disk writes it. What it could ask for and this
 * initrd never gives (no cipher at all, a cipher that the vendor did not choose, places outside
 * the header) is refused here, before libcryptsetup acts upon it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

enum {
	LUKS_BINARY_BYTES = 4096,
	LUKS_MIN_HEADER_BYTES = 16 * 1024,      /* binary part and JSON together */
	LUKS_MAX_HEADER_BYTES = 4 * 1024 * 1024,
	LUKS_MAX_SLOTS = 32,
	LUKS_MAX_TOKENS = 32,
	LUKS_MAX_AREA_BYTES = 1024 * 1024, /* the largest key takes half a megabyte */
};

/* Where the second copy of a header can be: as many bytes from the start as the first one has. */
#define LUKS_SECOND_COPY_AT(i) ((uint64_t)LUKS_MIN_HEADER_BYTES << (i))
enum { LUKS_N_SECOND_COPIES = 9 };

struct luks_area {
	uint64_t at, n_bytes; /* of the partition */
};

struct luks_header {
	uint64_t n_bytes; /* of this copy */
	uint64_t data_at; /* where what is encrypted begins, in bytes */
	size_t n_areas;   /* the key slots' material, which lies between the header and data_at */
	struct luks_area areas[LUKS_MAX_SLOTS];
	uint32_t memory_kib[LUKS_MAX_SLOTS]; /* what it takes to try this slot; 0 if little */
};

/* The size of the copy whose first LUKS_BINARY_BYTES are b, and which lies at this offset.
 * Errors: ERR_LUKS_HEADER. */
int luks_header_size(struct bytes b, uint64_t at, uint64_t *ret, struct err *e);

/* Judges a whole copy, which lies at this offset of a partition of that size. What libcryptsetup
 * checks by itself (checksum, digests) is left to it. Errors: ERR_LUKS_HEADER, ERR_MEMORY. */
int luks_header_parse(struct bytes b, uint64_t at, uint64_t partition_bytes,
		      struct luks_header *ret, struct err *e);
