/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cleanup.h - releases resources when a scope ends, on every way out of it.
 *
 * SCOPED(fd_close) int fd = -1;  ...  return fd_take(&fd);
 *
 * Scopes do not unwind through exec or _exit: open descriptors O_CLOEXEC and
 * wipe secrets before. */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SCOPED(drop) __attribute__((cleanup(drop)))

static inline void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Hands the descriptor over: the scope forgets it. */
static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* For any pointer from malloc: SCOPED(mem_free) char *s = NULL; */
static inline void mem_free(void *p)
{
	free(*(void **)p);
}

#define ptr_take(p)                       \
	__extension__({                   \
		__typeof__(*(p)) t = *(p); \
		*(p) = NULL;              \
		t;                        \
	})

static inline void dir_close(DIR **d)
{
	if (*d)
		closedir(*d);
}

static inline void file_close(FILE **f)
{
	if (*f)
		fclose(*f);
}
