/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* unpacked.h - did the kernel unpack all of the initrd? When it runs out of memory it says
 * so in its log and starts what is there. */
#pragma once

#include <stddef.h>

#include "init/core/err.h"

/* Holds what is below the folder root_fd against the manifest text[0..n): each entry is
 * there, with its type and size. The kernel stops at the first thing that it cannot write,
 * and it gives a file its size before its bytes, so the contents of the last file alone are
 * compared. What PID 1 mounts over (/dev, /proc, /run, /sys) is left out. *ret_n is the
 * number of entries. Errors: ERR_INITRD_INCOMPLETE, those of manifest_next(). */
int unpacked_check(int root_fd, const char *text, size_t n, size_t *ret_n, struct err *e);
