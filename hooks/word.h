/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* word.h - how a hook is called in the measurements. Pure. Spec: slipway-hooks(7). */
#pragma once

#include "hooks/point.h"
#include "init/core/bytes.h"
#include "init/core/err.h"

enum { HOOK_DIGEST_BYTES = 65, HOOK_WORD_BYTES = 256 };

/* SHA-256 of a file's content, in hex. Errors: ERR_SYSTEM. */
int hook_digest(struct bytes content, char ret[static HOOK_DIGEST_BYTES], struct err *e);

/* Writes "slipway-hook:POINT:NAME:PROGRAM:DECLARATION", the last two by their digests, which is
 * that of nothing if there is no declaration. The name is a valid one. */
void hook_word(enum hook_point point, const char *name, const char *program,
	       const char *declaration, char ret[static HOOK_WORD_BYTES]);
