/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* compress.h - zstd and lz4 as the kernel unpacks them. No I/O. */
#pragma once

#include <stddef.h>

#include "init/core/err.h"

enum compression_method { COMPRESSION_NONE, COMPRESSION_ZSTD, COMPRESSION_LZ4 };

struct compression {
	enum compression_method method;
	int level;
};

/* What --compress takes, and what counts without it. */
#define COMPRESSION_USAGE "zstd[:LEVEL]|lz4[:LEVEL]|none"
#define COMPRESSION_DEFAULT "zstd:12"

/* Parses none, or a method with a level of its range (zstd: 1 to 22, lz4: 1 to 12) or
 * without one. Errors: ERR_CONFIG. */
int compression_parse(const char *text, struct compression *ret, struct err *e);

/* Compresses p[0..n) into one frame; zstd adds its size and a checksum. The same input,
 * method, level and versions of the libraries give the same bytes on every machine, and
 * with every number of threads (at least 1; lz4 uses one). The caller frees *ret.
 * Errors: ERR_MEMORY, ERR_SYSTEM. */
int compress(const struct compression *c, const void *p, size_t n, unsigned n_threads, char **ret,
	     size_t *ret_n, struct err *e);

/* How many threads this machine runs at once, within reason. */
unsigned compress_threads(void);
