/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* CPU_COUNT */
#include "mkinitrd/compress.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lz4.h>
#include <lz4hc.h>
#include <zstd.h>

#include "init/core/cleanup.h"
#include "mkinitrd/lz4_legacy.h"

enum {
	/* 8 MiB: what the kernel has to hold beside the archive while it unpacks. */
	WINDOW_LOG = 23,
	/* Each job is compressed by itself, with some of what comes before it in view: the last
	 * MiB (the window by 2^(9 - 6)), or all of it for who wants the last byte more than the
	 * time. All are set, as the library's own choice may change. */
	JOB_BYTES = 2 << 20,
	OVERLAP_LOG = 6,
	OVERLAP_LOG_MAX = 9,
	THOROUGH_LEVEL = 16,
	MAX_THREADS = 32,
};

static const struct method {
	const char *name;
	int default_level, max_level;
} methods[] = {
	[COMPRESSION_NONE] = { "none", 0, 0 },
	[COMPRESSION_ZSTD] = { "zstd", 12, 22 },
	[COMPRESSION_LZ4] = { "lz4", 9, LZ4HC_CLEVEL_MAX },
};

enum { N_METHODS = sizeof(methods) / sizeof(*methods) };

static void context_free(ZSTD_CCtx **c)
{
	ZSTD_freeCCtx(*c);
}

/* Digits alone: strtol() takes signs and white space too. */
static bool parse_level(const char *text, int max, int *ret)
{
	size_t n = strspn(text, "0123456789");

	*ret = n && n <= 2 && !text[n] ? (int)strtol(text, NULL, 10) : 0;
	return *ret >= 1 && *ret <= max;
}

int compression_parse(const char *text, struct compression *ret, struct err *e)
{
	size_t n = strcspn(text, ":");

	for (int i = 0; i < N_METHODS; i++) {
		const struct method *m = &methods[i];
		int level = m->default_level;

		if (strlen(m->name) != n || strncmp(m->name, text, n) != 0)
			continue;
		if (text[n] && !parse_level(text + n + 1, m->max_level, &level))
			break;
		*ret = (struct compression){ (enum compression_method)i, level };
		return 0;
	}
	return err_set(e, ERR_CONFIG, 0,
		       "'%.40s' is no compression; these are: none, zstd or zstd:1 to zstd:%d, lz4 or "
		       "lz4:1 to lz4:%d",
		       text, methods[COMPRESSION_ZSTD].max_level, methods[COMPRESSION_LZ4].max_level);
}

unsigned compress_threads(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : CPU_COUNT(&set);

	return n < MAX_THREADS ? (unsigned)n : MAX_THREADS;
}

/* With no worker at all the library would divide the input differently. */
static size_t configure(ZSTD_CCtx *c, int level, unsigned n_threads)
{
	const struct {
		ZSTD_cParameter what;
		int value;
	} settings[] = {
		{ ZSTD_c_compressionLevel, level },
		{ ZSTD_c_windowLog, WINDOW_LOG },
		{ ZSTD_c_checksumFlag, 1 },
		{ ZSTD_c_contentSizeFlag, 1 },
		{ ZSTD_c_nbWorkers, n_threads ? (int)n_threads : 1 },
		{ ZSTD_c_jobSize, JOB_BYTES },
		{ ZSTD_c_overlapLog, level < THOROUGH_LEVEL ? OVERLAP_LOG : OVERLAP_LOG_MAX },
	};
	size_t rc = 0;

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings) && !ZSTD_isError(rc); i++)
		rc = ZSTD_CCtx_setParameter(c, settings[i].what, settings[i].value);
	return rc;
}

static int no_memory(size_t n, struct err *e)
{
	return err_set(e, ERR_MEMORY, 0, "compress: no memory for %zu bytes", n);
}

static int compress_zstd(const void *p, size_t n, int level, unsigned n_threads, char **ret,
			 size_t *ret_n, struct err *e)
{
	SCOPED(context_free) ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t room = ZSTD_compressBound(n), rc;
	SCOPED(mem_free) char *out = malloc(room);

	if (!c || !out)
		return no_memory(room, e);
	rc = configure(c, level, n_threads);
	if (!ZSTD_isError(rc))
		rc = ZSTD_compress2(c, out, room, p, n);
	if (ZSTD_isError(rc))
		return err_set(e, ERR_SYSTEM, 0, "compress at level %d: %s", level,
			       ZSTD_getErrorName(rc));
	*ret = ptr_take(&out);
	*ret_n = rc;
	return 0;
}

static void put_le32(char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (char)(v >> 8 * i);
}

static int compress_lz4(const char *p, size_t n, int level, char **ret, size_t *ret_n,
			struct err *e)
{
	const size_t block_room = LZ4_COMPRESSBOUND(LZ4_BLOCK_BYTES);
	size_t n_blocks = n / LZ4_BLOCK_BYTES + 1, at = 4;
	size_t room = at + n_blocks * (4 + block_room);
	SCOPED(mem_free) char *out = malloc(room);

	if (!out)
		return no_memory(room, e);
	put_le32(out, LZ4_LEGACY_MAGIC);
	for (size_t from = 0; from < n; from += LZ4_BLOCK_BYTES) {
		size_t block = n - from < LZ4_BLOCK_BYTES ? n - from : LZ4_BLOCK_BYTES;
		int put = LZ4_compress_HC(p + from, out + at + 4, (int)block, (int)block_room, level);

		if (put <= 0)
			return no_memory(block, e);
		put_le32(out + at, (uint32_t)put);
		at += 4 + (size_t)put;
	}
	*ret = ptr_take(&out);
	*ret_n = at;
	return 0;
}

int compress(const struct compression *c, const void *p, size_t n, unsigned n_threads, char **ret,
	     size_t *ret_n, struct err *e)
{
	switch (c->method) {
	case COMPRESSION_ZSTD:
		return compress_zstd(p, n, c->level, n_threads, ret, ret_n, e);
	case COMPRESSION_LZ4:
		return compress_lz4(p, n, c->level, ret, ret_n, e);
	case COMPRESSION_NONE:
		break;
	}
	*ret = malloc(n + 1);
	if (!*ret)
		return no_memory(n, e);
	memcpy(*ret, p, n);
	*ret_n = n;
	return 0;
}
