/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* output.h - the files that a hook leaves for the host. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "hooks/declaration.h"
#include "hooks/point.h"
#include "init/core/err.h"

enum { OUTPUT_MAX_BYTES = 1024 * 1024 }; /* of one file */

/* The files that hooks have left so far, by the point. */
struct outputs {
	size_t n;
	struct output {
		enum hook_point point;
		char path[DECLARATION_PATH_BYTES];
	} *at; /* owned */
};

/* Copies those of the files of d->outputs that are below box, in the same place, to where the
 * host finds them: root's, and writable by nobody else. Whoever wrote them is dead; wherever
 * links there lead, they stay in box/run. Takes all or none: one that is no file, is too
 * large, or is there already is refused. *ret_taken[i]: d->outputs[i] was.
 * Errors: ERR_HOOK_FAILED, ERR_SYSTEM, ERR_MEMORY. */
int output_take(const char *box, const struct declaration *d, bool ret_taken[static DECLARATION_MAX_LIST],
		struct err *e);

/* Remembers those that a hook of this point left. Errors: ERR_MEMORY. */
int outputs_note(struct outputs *o, enum hook_point point, const struct declaration *d,
		 const bool taken[static DECLARATION_MAX_LIST], struct err *e);

/* Deletes what the hooks of this point left, as they run once more. Folders stay. */
void outputs_undo(struct outputs *o, enum hook_point point);
