/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* prompt.h - asks a person for a secret. */
#pragma once

#include "modules/luks/opening.h"

/* How long a question waits: a machine that nobody stands at must come to its end. */
enum { PROMPT_TIMEOUT_MS = 300 * 1000 };

/* Writes the question to the terminal and reads a line, which is not echoed and may be edited
 * with the terminal's usual keys. What was typed before the question does not count, and a key
 * that would send a signal sends none. The terminal is left as it was. A longer line, and the end
 * of input, are an empty answer. Errors: ERR_LUKS_LOCKED (nobody answered, or no terminal). */
int prompt_secret(const char *terminal, const char *question, int timeout_ms,
		  struct luks_secret *ret, struct err *e);
