/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* file.h - whole files, with a bound on every size. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "init/core/err.h"

/* Reads all of dir_fd/path (AT_FDCWD works) into memory that the caller frees.
 * A NUL follows the *ret_n bytes. Works for /proc and /sys, whose files have no
 * size. Errors: ERR_SYSTEM with errno (EFBIG if there are more than max bytes),
 * ERR_MEMORY. */
int file_read(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e);

/* Reads the first max - 1 bytes of a text file and cuts trailing white space. Returns the length,
 * or -1 with errno; for the facts in /proc and /sys that may be absent. */
ssize_t file_read_text(const char *path, char *ret, size_t max);

/* Creates (or truncates) path with this mode and writes n bytes. */
int file_write(const char *path, mode_t mode, const void *p, size_t n, struct err *e);

/* Writes to an existing file, such as an attribute in /sys. */
int file_write_existing(const char *path, const char *text, struct err *e);

/* Reads until the end or until max bytes are there. Returns the count, or -1 and errno. */
ssize_t read_upto(int fd, void *ret, size_t max);

/* What it means that a block device, its entry in sysfs, or a file on it gave this errno. */
enum err_code errno_code(int errnum);

/* Reads exactly n bytes at offset. Errors: ERR_DISK_FAILED, ERR_SYSTEM (EIO if the file ends). */
int pread_full(int fd, void *ret, size_t n, uint64_t offset, struct err *e);

/* Writes all n bytes, whatever write(2) takes at once. Returns 0, or -1 and errno. */
int write_full(int fd, const void *p, size_t n);

/* mkdir -p. Existing directories are fine. */
int make_dirs(const char *path, mode_t mode, struct err *e);

/* Copies src to dst with this mode, at most max bytes. A missing src is no
 * error: returns 1 if copied, 0 if there was nothing. */
int file_copy(const char *src, const char *dst, mode_t mode, size_t max, struct err *e);
