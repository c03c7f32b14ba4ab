/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* output.h - what a hook leaves in /run/output, which the host finds in /run. */
#pragma once

#include <stddef.h>

#include "init/core/err.h"

enum { OUTPUT_MAX_FILES = 256, OUTPUT_MAX_BYTES = 4 * 1024 * 1024, OUTPUT_MAX_DEPTH = 8 };

/* Copies the files and folders below from to below to, root's and writable by nobody else. All
 * or, but for an error of the system, nothing: what is neither file nor folder, is there
 * already, or would be where slipway and systemd keep what they must be able to believe, is
 * refused first. Whoever wrote them is dead. Errors: ERR_HOOK_FAILED, ERR_SYSTEM, ERR_MEMORY. */
int output_take(const char *from, const char *to, size_t *ret_n, struct err *e);
