/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* option.h - the table of build's options. The command line, mkinitrd.conf, --help,
 * --print-config and the check of the man pages are all made of it. */
#pragma once

#include <stddef.h>

#include "init/core/err.h"
#include "mkinitrd/options.h"

enum {
	OPTION_LIST = 1 << 0, /* may be repeated, and adds up */
	OPTION_RUN = 1 << 1,  /* is of one run: no key of mkinitrd.conf */
	OPTION_MAX_ROWS = 64,
};

struct option_row {
	const char *name;
	char letter;          /* of the short form, or 0 */
	const char *value;    /* what --help calls it; NULL for a switch */
	const char *standard; /* the value if nobody says one, or NULL */
	unsigned flags;
	/* Puts a value into the member at this offset. Errors: ERR_CONFIG, ERR_MEMORY. */
	int (*set)(struct build_options *o, size_t member, const char *value, struct err *e);
	size_t member;
	const char *means;    /* of a short word for another option: its value */
	const char *help;     /* a line */
};

/* In the order of --help; a row without a name ends it. */
extern const struct option_row option_rows[];

/* The row of this name, or NULL. */
const struct option_row *option_find(const char *name);
