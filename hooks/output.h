/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* output.h - the files that a hook leaves for the host. */
#pragma once

#include <stddef.h>

#include "hooks/declaration.h"
#include "init/core/err.h"

enum { OUTPUT_MAX_BYTES = 1024 * 1024 }; /* of one file */

/* Copies those of the files of d->outputs that are below box, in the same place, to where the
 * host finds them: root's, and writable by nobody else. Whoever wrote them is dead; wherever
 * links there lead, they stay in box/run. Takes all or none: one that is no file, is too
 * large, or is there already is refused. Errors: ERR_HOOK_FAILED, ERR_SYSTEM, ERR_MEMORY. */
int output_take(const char *box, const struct declaration *d, size_t *ret_n, struct err *e);
