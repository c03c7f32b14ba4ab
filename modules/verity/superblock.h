/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* superblock.h - reads dm-verity superblocks.
 * Spec: cryptsetup's DMVerity page, superblock version 1. Trust: input is hostile. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

enum { VERITY_SUPERBLOCK_BYTES = 512, VERITY_MAX_HASH_BYTES = 64 };

struct verity_info {
	struct uuid uuid;
	char algorithm[33]; /* "sha256", "sha384" or "sha512" */
	unsigned hash_bytes; /* of that algorithm */
	uint32_t hash_type;
	uint32_t data_block_bytes, hash_block_bytes; /* powers of two, 512 to 512 KiB */
	uint64_t n_data_blocks;
	uint16_t salt_bytes;
	uint8_t salt[256];
};

/* Parses p[0..n), the first 512 bytes of the hash device, and requires that data
 * and hash tree fit their partitions of data_bytes and hash_bytes.
 * Errors: ERR_VERITY_SUPERBLOCK. */
int verity_superblock_parse(const uint8_t *p, size_t n, uint64_t data_bytes, uint64_t hash_bytes,
			    struct verity_info *ret, struct err *e);
