/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/verity/superblock.h"

#include <stdbool.h>
#include <string.h>

/* Offsets in the superblock; everything is little-endian. */
enum {
	AT_MAGIC = 0,
	AT_VERSION = 8,
	AT_HASH_TYPE = 12,
	AT_UUID = 16,
	AT_ALGORITHM = 32,
	AT_DATA_BLOCK_BYTES = 64,
	AT_HASH_BLOCK_BYTES = 68,
	AT_N_DATA_BLOCKS = 72,
	AT_SALT_BYTES = 80,
	AT_SALT = 88,
};

enum { MIN_BLOCK_BYTES = 512, MAX_BLOCK_BYTES = 512 * 1024 };

static const struct algorithm {
	char name[32]; /* as stored: padded with NUL */
	unsigned hash_bytes;
} algorithms[] = {
	{ "sha256", 32 },
	{ "sha384", 48 },
	{ "sha512", 64 },
};

static bool block_size_ok(uint32_t n)
{
	return n >= MIN_BLOCK_BYTES && n <= MAX_BLOCK_BYTES && (n & (n - 1)) == 0;
}

static const struct algorithm *find_algorithm(const uint8_t *stored)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(*algorithms); i++)
		if (memcmp(stored, algorithms[i].name, sizeof(algorithms[i].name)) == 0)
			return &algorithms[i];
	return NULL;
}

/* Blocks of all levels of the hash tree; each digest takes a power of two of bytes. */
static uint64_t tree_blocks(const struct verity_info *v)
{
	uint32_t slot = v->hash_bytes == 32 ? 32 : 64, per_block = v->hash_block_bytes / slot;
	uint64_t sum = 0;

	for (uint64_t n = v->n_data_blocks; n > 1; sum += n)
		n = n / per_block + (n % per_block != 0);
	return sum;
}

/* Both sizes were counted by someone else: claims are compared, never multiplied. */
static int check_fit(const struct verity_info *v, uint64_t data_bytes, uint64_t hash_bytes,
		     struct err *e)
{
	uint64_t hash_blocks = hash_bytes / v->hash_block_bytes;

	if (!v->n_data_blocks || v->n_data_blocks > data_bytes / v->data_block_bytes)
		return err_set(
			e, ERR_VERITY_SUPERBLOCK, 0,
			"superblock claims '%llu' data blocks of %u bytes in a partition of %llu",
			(unsigned long long)v->n_data_blocks, v->data_block_bytes,
			(unsigned long long)data_bytes);
	/* The superblock itself takes the first hash block. */
	if (!hash_blocks || tree_blocks(v) > hash_blocks - 1)
		return err_set(e, ERR_VERITY_SUPERBLOCK, 0,
			       "hash tree of '%llu' blocks of %u bytes in a partition of %llu",
			       (unsigned long long)tree_blocks(v), v->hash_block_bytes,
			       (unsigned long long)hash_bytes);
	return 0;
}

static int parse_fields(const uint8_t *p, struct verity_info *v, struct err *e)
{
	const struct algorithm *algorithm = find_algorithm(p + AT_ALGORITHM);

	if (memcmp(p + AT_MAGIC, "verity\0\0", 8) != 0)
		return err_set(e, ERR_VERITY_SUPERBLOCK, 0, "no dm-verity superblock");
	if (le32(p + AT_VERSION) != 1)
		return err_set(e, ERR_VERITY_SUPERBLOCK, 0, "superblock version '%u' is not 1",
			       le32(p + AT_VERSION));
	if (!algorithm)
		return err_set(e, ERR_VERITY_SUPERBLOCK, 0,
			       "superblock names a hash other than sha256, sha384 and sha512");
	v->hash_type = le32(p + AT_HASH_TYPE);
	v->data_block_bytes = le32(p + AT_DATA_BLOCK_BYTES);
	v->hash_block_bytes = le32(p + AT_HASH_BLOCK_BYTES);
	v->n_data_blocks = le64(p + AT_N_DATA_BLOCKS);
	v->salt_bytes = le16(p + AT_SALT_BYTES);
	if (v->hash_type > 1)
		return err_set(e, ERR_VERITY_SUPERBLOCK, 0, "hash type '%u' is neither 0 nor 1",
			       v->hash_type);
	if (!block_size_ok(v->data_block_bytes) || !block_size_ok(v->hash_block_bytes))
		return err_set(e, ERR_VERITY_SUPERBLOCK, 0,
			       "block sizes '%u' and '%u' are not allowed", v->data_block_bytes,
			       v->hash_block_bytes);
	if (v->salt_bytes > sizeof(v->salt))
		return err_set(e, ERR_VERITY_SUPERBLOCK, 0, "salt of '%u' bytes is longer than 256",
			       v->salt_bytes);
	memcpy(v->uuid.b, p + AT_UUID, sizeof(v->uuid.b));
	memcpy(v->algorithm, algorithm->name, sizeof(algorithm->name));
	memcpy(v->salt, p + AT_SALT, v->salt_bytes);
	v->hash_bytes = algorithm->hash_bytes;
	return 0;
}

int verity_superblock_parse(const uint8_t *p, size_t n, uint64_t data_bytes, uint64_t hash_bytes,
			    struct verity_info *ret, struct err *e)
{
	struct verity_info v = { 0 };
	int rc;

	if (n < VERITY_SUPERBLOCK_BYTES)
		return err_set(e, ERR_VERITY_SUPERBLOCK, 0, "superblock of '%zu' bytes is cut off",
			       n);
	rc = parse_fields(p, &v, e);
	if (rc < 0)
		return rc;
	rc = check_fit(&v, data_bytes, hash_bytes, e);
	if (rc < 0)
		return rc;
	*ret = v;
	return 0;
}
