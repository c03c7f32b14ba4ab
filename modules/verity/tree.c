/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/verity/tree.h"

#include <mbedtls/md.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"

enum { MAX_LEVELS = 24 }; /* eight digests a block, the fewest: 8^22 > 2^64 */

/* One level of the tree: level 0 holds the digests of data blocks. Of each the block
 * verified last is kept, since neighbours share it. */
struct level {
	uint64_t first_block; /* on the hash device */
	uint64_t kept;        /* UINT64_MAX: none */
	uint8_t *block;
};

struct walk {
	const struct verity_tree *tree;
	const mbedtls_md_info_t *md;
	unsigned n_levels;
	uint64_t per_block; /* digests */
	uint8_t *data;      /* one data block; the levels' blocks follow in this memory */
	struct level levels[MAX_LEVELS];
};

static void walk_done(struct walk *w)
{
	free(w->data);
}

/* Each digest takes a power of two of bytes, and the top level comes first. */
static void lay_out(struct walk *w, const struct verity_info *v)
{
	uint64_t counts[MAX_LEVELS] = { 0 }, at = 1; /* the superblock takes the first hash block */

	w->per_block = v->hash_block_bytes / (v->hash_bytes == 32 ? 32 : 64);
	for (uint64_t n = v->n_data_blocks; n > 1; n = counts[w->n_levels++])
		counts[w->n_levels] = n / w->per_block + (n % w->per_block != 0);
	for (unsigned i = w->n_levels; i-- > 0; at += counts[i])
		w->levels[i] = (struct level){ .first_block = at, .kept = UINT64_MAX };
}

static int prepare(struct walk *w, struct err *e)
{
	const struct verity_info *v = w->tree->info;

	lay_out(w, v);
	w->md = mbedtls_md_info_from_string(v->hash_bytes == 32 ? "SHA256" :
					    v->hash_bytes == 48 ? "SHA384" : "SHA512");
	w->data = malloc(v->data_block_bytes + (size_t)w->n_levels * v->hash_block_bytes);
	if (!w->data || !w->md)
		return err_set(e, ERR_MEMORY, 0, "no memory to check the hash tree");
	for (unsigned i = 0; i < w->n_levels; i++)
		w->levels[i].block = w->data + v->data_block_bytes + (size_t)i * v->hash_block_bytes;
	return 0;
}

static bool has_digest(const struct walk *w, const uint8_t *p, size_t n, const uint8_t *expected)
{
	const struct verity_info *v = w->tree->info;
	uint8_t digest[VERITY_MAX_HASH_BYTES];
	mbedtls_md_context_t c;
	int rc;

	mbedtls_md_init(&c);
	rc = mbedtls_md_setup(&c, w->md, 0);
	rc = rc ? rc : mbedtls_md_starts(&c);
	if (!rc && v->hash_type == 1) /* the older type has the salt at the end */
		rc = mbedtls_md_update(&c, v->salt, v->salt_bytes);
	rc = rc ? rc : mbedtls_md_update(&c, p, n);
	if (!rc && v->hash_type == 0)
		rc = mbedtls_md_update(&c, v->salt, v->salt_bytes);
	rc = rc ? rc : mbedtls_md_finish(&c, digest);
	mbedtls_md_free(&c);
	return rc == 0 && memcmp(digest, expected, v->hash_bytes) == 0;
}

/* Where the verified block of this level has the digest of entry n below it. */
static const uint8_t *digest_of(const struct walk *w, unsigned level, uint64_t n)
{
	const struct verity_info *v = w->tree->info;
	size_t slot = v->hash_type == 1 ? v->hash_block_bytes / w->per_block : v->hash_bytes;

	return w->levels[level].block + n % w->per_block * slot;
}

/* What ends too early is not what was signed. */
static enum err_code unread(const struct err *e)
{
	return e->code == ERR_DISK_FAILED ? ERR_DISK_FAILED : ERR_VERITY_CORRUPTED;
}

/* Reads and verifies block n of a level, from the root down. */
static int verify_hash_block(struct walk *w, unsigned level, uint64_t n, struct err *e)
{
	const struct verity_info *v = w->tree->info;
	struct level *l = &w->levels[level];
	const uint8_t *expected = w->tree->root_hash;
	int rc;

	if (l->kept == n)
		return 0;
	if (level + 1 < w->n_levels) {
		rc = verify_hash_block(w, level + 1, n / w->per_block, e);
		if (rc < 0)
			return rc;
		expected = digest_of(w, level + 1, n);
	}
	l->kept = UINT64_MAX;
	if (pread_full(w->tree->hash_fd, l->block, v->hash_block_bytes,
		       w->tree->hash_at + (l->first_block + n) * v->hash_block_bytes, e) < 0)
		return err_set(e, unread(e), e->errnum, "read block %llu of the hash tree",
			       (unsigned long long)(l->first_block + n));
	if (!has_digest(w, l->block, v->hash_block_bytes, expected))
		return err_set(e, ERR_VERITY_CORRUPTED, 0, "block %llu of the hash tree does not %s",
			       (unsigned long long)(l->first_block + n),
			       level + 1 < w->n_levels ? "match the one above it" : "match the root hash");
	l->kept = n;
	return 0;
}

static int verify_data_block(struct walk *w, uint64_t n, struct err *e)
{
	const struct verity_info *v = w->tree->info;
	const uint8_t *expected = w->tree->root_hash;

	if (w->n_levels) {
		int rc = verify_hash_block(w, 0, n / w->per_block, e);

		if (rc < 0)
			return rc;
		expected = digest_of(w, 0, n);
	}
	if (pread_full(w->tree->data_fd, w->data, v->data_block_bytes,
		       w->tree->data_at + n * v->data_block_bytes, e) < 0)
		return err_set(e, unread(e), e->errnum, "read data block %llu",
			       (unsigned long long)n);
	if (!has_digest(w, w->data, v->data_block_bytes, expected))
		return err_set(e, ERR_VERITY_CORRUPTED, 0, "data block %llu does not match its hash",
			       (unsigned long long)n);
	return 0;
}

int verity_tree_check(const struct verity_tree *t, uint64_t first, uint64_t n, struct err *e)
{
	SCOPED(walk_done) struct walk w = { .tree = t };
	int rc = prepare(&w, e);

	for (uint64_t i = first; rc >= 0 && i < first + n; i++)
		rc = verify_data_block(&w, i, e);
	return rc;
}
