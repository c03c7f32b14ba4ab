/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* settings.h - who set which option to what: the command line, a line of a file, nobody. */
#pragma once

#include <stddef.h>

#include "init/core/err.h"

struct option_row;

struct setting {
	const struct option_row *row;
	char *value;
	char *origin; /* "FILE:LINE", "command line" or "default" */
};

struct settings {
	struct setting *v; /* owned, with the texts; later ones win */
	size_t n;
};

void settings_done(struct settings *s);

/* Appends copies of the texts. Where the option takes one value, this one replaces the
 * value that was there; an empty one takes back all that was said, up to the default.
 * Errors: ERR_MEMORY. */
int settings_add(struct settings *s, const struct option_row *row, const char *value,
		 const char *origin, struct err *e);

/* The last setting of the option of this name, or NULL. */
const struct setting *settings_find(const struct settings *s, const char *name);

/* Adds the lines of a mkinitrd.conf, text[0..n). name is for messages and origins. Pure.
 * Errors: ERR_CONFIG with name and line for what is no line or no key; ERR_MEMORY. */
int settings_add_text(struct settings *s, const char *name, const char *text, size_t n,
		      struct err *e);

/* Prints "key=value<TAB>origin" for each key of mkinitrd.conf, to standard output. */
void settings_print(const struct settings *s);
