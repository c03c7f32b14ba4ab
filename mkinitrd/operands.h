/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* operands.h - the words behind a verb that has few options. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct operand_option {
	const char *name;
	char letter;       /* or 0 */
	const char **text; /* takes the value, NULL if there is none */
	bool *on;          /* set if there is no value */
};

struct operands {
	const char *verb, *help;
	struct operand_option options[4]; /* until one without a name */
	int min, max;                     /* how many words beside the options */
	const char *wanted;               /* "an image", for the message if there are others */
};

/* Parses argv; the words are argv[optind] and on. Returns true, or false with *ret_status if
 * there is nothing more to do: --help, or a wrong word that was complained about. */
bool operands_parse(const struct operands *o, int argc, char **argv, int *ret_status);
