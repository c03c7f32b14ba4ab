/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* compress.h - zstd as the kernel's initramfs decompressor reads it. */
#pragma once

#include <stddef.h>

#include "init/core/err.h"

enum { COMPRESS_MIN_LEVEL = 1, COMPRESS_MAX_LEVEL = 22 };

/* Compresses p[0..n) into one frame with its size and a checksum. The same input,
 * level and library version give the same bytes on every machine. The caller frees
 * *ret. Errors: ERR_MEMORY, ERR_SYSTEM. */
int compress_zstd(const void *p, size_t n, int level, char **ret, size_t *ret_n, struct err *e);
