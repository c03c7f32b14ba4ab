/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* source.h - reads the files that are packed, which others may be writing. */
#pragma once

#include <stddef.h>

#include "init/core/err.h"

/* Reads the regular file path (a link is followed) of at most max bytes into memory that
 * the caller frees; a NUL follows. Errors: ERR_SYSTEM if it cannot be read, is something
 * else or too large, or if it was changed or replaced meanwhile; ERR_MEMORY. */
int source_read(const char *path, size_t max, char **ret, size_t *ret_n, struct err *e);

/* The same for an open file, but for the replacement; path is for messages. */
int source_read_fd(int fd, const char *path, size_t max, char **ret, size_t *ret_n,
		   struct err *e);

/* Copies such a file to another place, with mode 0600. Returns 1, or 0 if there is none. */
int source_copy(const char *path, const char *to, size_t max, struct err *e);
