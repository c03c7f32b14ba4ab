/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* scratch.h - a folder of our own for what only files can be given to. */
#pragma once

#include "init/core/err.h"

enum { SCRATCH_BYTES = 1024 };

struct scratch {
	char path[SCRATCH_BYTES]; /* "" if there is none */
};

/* Makes a folder that others cannot look into: in TMPDIR, or without that in memory if there is
 * room, else in /tmp. Errors: ERR_SYSTEM. */
int scratch_make(struct scratch *ret, struct err *e);

/* Removes it with all it holds. */
void scratch_remove(struct scratch *s);
