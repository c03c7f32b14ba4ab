/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* declaration.h - what a hook says of itself in the file NAME.hook beside it: how long it
 * may take, what its failure means, and what it may do. Spec: slipway-hooks(7). Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/err.h"

enum {
	DECLARATION_MAX_BYTES = 4096,
	DECLARATION_PATH_BYTES = 128,
	DECLARATION_NAME_BYTES = 64,
	DECLARATION_MAX_LIST = 8,
	DECLARATION_MAX_DEADLINE_S = 60,
};

struct declaration {
	unsigned deadline_s;
	bool skip;    /* its failure is only a warning; a refusal counts in any case */
	size_t n_devices, n_outputs, n_credentials;
	char devices[DECLARATION_MAX_LIST][DECLARATION_PATH_BYTES]; /* below /dev or /sys */
	char outputs[DECLARATION_MAX_LIST][DECLARATION_PATH_BYTES]; /* below /run, for the host */
	char credentials[DECLARATION_MAX_LIST][DECLARATION_NAME_BYTES];
};

#define DECLARATION_DEFAULTS { .deadline_s = 5 }

/* Lines of "key=value"; '#' starts a comment line. What is not said is the strictest. name is
 * for messages. Errors: ERR_HOOK_INVALID for a key or value that is unknown or there twice,
 * with the number of the line. */
int declaration_parse(const char *text, size_t n, const char *name, struct declaration *ret,
		      struct err *e);
