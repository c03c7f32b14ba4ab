/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/decompress.h"

#include <stdlib.h>
#include <string.h>

#include <lz4.h>
#include <zstd.h>

#include "init/core/cleanup.h"
#include "mkinitrd/lz4_legacy.h"

enum {
	MAX_WINDOW_LOG = 27, /* of the kernel */
	FIRST_ROOM = 1 << 16,
	MAX_HINT = 64 << 20,
};

/* What is unpacked, as it grows. */
struct room {
	char *p;
	size_t n, size, max;
};

static void context_free(ZSTD_DCtx **c)
{
	ZSTD_freeDCtx(*c);
}

static void room_free(struct room *r)
{
	free(r->p);
}

/* Makes place for at least one byte more, at best for want. */
static int grow(struct room *r, size_t want, struct err *e)
{
	size_t size = r->size ? 2 * r->size : FIRST_ROOM;
	char *grown;

	if (r->n == r->max)
		return err_set(e, ERR_CONFIG, 0, "it unpacks to more than %zu bytes", r->max);
	if (size < want)
		size = want;
	if (size > r->max)
		size = r->max;
	grown = realloc(r->p, size);
	if (!grown)
		return err_set(e, ERR_MEMORY, 0, "no memory for %zu unpacked bytes", size);
	r->p = grown;
	r->size = size;
	return 0;
}

/* The size that the frame claims saves steps, if it is likely. What says that there is
 * none is a large number too. */
static size_t claimed(struct bytes in)
{
	unsigned long long n = ZSTD_getFrameContentSize(in.p, in.n);

	return n < MAX_HINT ? (size_t)n + 1 : 0;
}

static int unpack_zstd(struct bytes b, struct room *r, size_t *ret_used, struct err *e)
{
	SCOPED(context_free) ZSTD_DCtx *c = ZSTD_createDCtx();
	ZSTD_inBuffer in = { b.p, b.n, 0 };
	size_t left = 1, want = claimed(b);

	if (!c || ZSTD_isError(ZSTD_DCtx_setParameter(c, ZSTD_d_windowLogMax, MAX_WINDOW_LOG)))
		return err_set(e, ERR_MEMORY, 0, "no memory for zstd");
	while (left) {
		ZSTD_outBuffer out = { r->p, r->size, r->n };

		if (out.pos == out.size) {
			int rc = grow(r, want, e);

			if (rc < 0)
				return rc;
			continue;
		}
		left = ZSTD_decompressStream(c, &out, &in);
		if (ZSTD_isError(left))
			return err_set(e, ERR_CONFIG, 0, "its zstd frame is damaged: %s",
				       ZSTD_getErrorName(left));
		r->n = out.pos;
		if (left && in.pos == in.size && out.pos < out.size)
			return err_set(e, ERR_CONFIG, 0, "its zstd frame was cut off");
	}
	*ret_used = in.pos;
	return 0;
}

static int unpack_block(const uint8_t *p, uint32_t n, struct room *r, struct err *e)
{
	int put;

	while (r->size - r->n < LZ4_BLOCK_BYTES && r->size < r->max) {
		int rc = grow(r, r->n + LZ4_BLOCK_BYTES, e);

		if (rc < 0)
			return rc;
	}
	put = LZ4_decompress_safe((const char *)p, r->p + r->n, (int)n,
				  (int)(r->size - r->n < LZ4_BLOCK_BYTES ? r->size - r->n
									  : LZ4_BLOCK_BYTES));
	if (put < 0)
		return err_set(e, ERR_CONFIG, 0,
			       "an lz4 block of it is damaged, or unpacks to more than %zu bytes",
			       r->max);
	r->n += (size_t)put;
	return 0;
}

/* A size of zero ends it; the magic may come again where two were joined. */
static int unpack_lz4(struct bytes b, struct room *r, size_t *ret_used, struct err *e)
{
	size_t at = 0;

	while (b.n - at >= 4 && le32(b.p + at)) {
		uint32_t n = le32(b.p + at);
		int rc;

		at += 4;
		if (n == LZ4_LEGACY_MAGIC)
			continue;
		if (n > LZ4_COMPRESSBOUND(LZ4_BLOCK_BYTES))
			return err_set(e, ERR_CONFIG, 0, "its lz4 blocks are damaged at byte %zu", at);
		if (n > b.n - at)
			return err_set(e, ERR_CONFIG, 0, "its lz4 blocks were cut off");
		rc = unpack_block(b.p + at, n, r, e);
		if (rc < 0)
			return rc;
		at += n;
	}
	*ret_used = at;
	return 0;
}

static bool starts(struct bytes b, const char *magic, size_t n)
{
	return b.n >= n && memcmp(b.p, magic, n) == 0;
}

static int refuse(struct bytes b, struct err *e)
{
	static const struct {
		const char *magic, *name;
	} others[] = {
		{ "\x1f\x8b", "gzip" }, { "BZ", "bzip2" },     { "\x5d\0", "lzma" },
		{ "\xfd" "7", "xz" },   { "\x89" "LZ", "lzop" }, { "\x04\x22\x4d\x18", "lz4 (new frames)" },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (starts(b, others[i].magic, 2))
			return err_set(e, ERR_UNSUPPORTED, 0,
				       "it is compressed with %s; zstd, lz4 (legacy) and none are read "
				       "here, so unpack it first",
				       others[i].name);
	return err_set(e, ERR_CONFIG, 0,
		       "it starts neither with an archive nor with a compression that is known");
}

int decompress_part(struct bytes in, size_t max, char **ret, size_t *ret_n, size_t *ret_used,
		    struct err *e)
{
	SCOPED(room_free) struct room r = { .max = max };
	int rc;

	if (starts(in, "\x28\xb5\x2f\xfd", 4))
		rc = unpack_zstd(in, &r, ret_used, e);
	else if (starts(in, "\x02\x21\x4c\x18", 4))
		rc = unpack_lz4(in, &r, ret_used, e);
	else
		rc = refuse(in, e);
	if (rc < 0)
		return rc;
	*ret = ptr_take(&r.p);
	*ret_n = r.n;
	return 0;
}
