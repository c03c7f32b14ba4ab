/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* unpack.h - files that distributions keep compressed. */
#pragma once

#include <stddef.h>

#include "init/core/err.h"

/* Replaces each of the n files that ends in .xz, .zst or .gz by its contents, beside it
 * and without the suffix, which the name loses as well. Runs xz, zstd or gzip, in several
 * processes where there are many files. Errors: ERR_SYSTEM, ERR_MEMORY. */
int unpack_files(char **files, size_t n, struct err *e);
