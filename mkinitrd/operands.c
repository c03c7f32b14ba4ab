/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/operands.h"

#include <getopt.h>
#include <stdio.h>

#include "mkinitrd/verb.h"

enum { MAX_OPTIONS = 4, LONG = 256 };

static size_t make_table(const struct operands *o, struct option *rows, char *letters)
{
	size_t n = 0;

	*letters++ = ':';
	*letters++ = 'h';
	for (; n < MAX_OPTIONS && o->options[n].name; n++) {
		const struct operand_option *option = &o->options[n];

		rows[n] = (struct option){ option->name, option->text ? 1 : 0, NULL, LONG + (int)n };
		if (!option->letter)
			continue;
		*letters++ = option->letter;
		if (option->text)
			*letters++ = ':';
	}
	rows[n] = (struct option){ "help", no_argument, NULL, 'h' };
	rows[n + 1] = (struct option){ 0 };
	*letters = '\0';
	return n;
}

static bool take(const struct operands *o, size_t n, int option)
{
	for (size_t i = 0; i < n; i++) {
		if (option != LONG + (int)i && option != o->options[i].letter)
			continue;
		if (o->options[i].text)
			*o->options[i].text = optarg;
		else
			*o->options[i].on = true;
		return true;
	}
	return false;
}

bool operands_parse(const struct operands *o, int argc, char **argv, int *ret_status)
{
	char letters[2 * MAX_OPTIONS + 3];
	struct option rows[MAX_OPTIONS + 2];
	size_t n = make_table(o, rows, letters);
	struct err e = { 0 };
	int option, rc = 0;

	opterr = 0;
	while (rc == 0 && (option = getopt_long(argc, argv, letters, rows, NULL)) != -1) {
		if (option == 'h') {
			*ret_status = fputs(o->help, stdout) < 0 || fflush(stdout) ? STATUS_FAILED : STATUS_OK;
			return false;
		}
		if (option == ':')
			rc = err_set(&e, ERR_CONFIG, 0, "option '%.200s' needs a value", argv[optind - 1]);
		else if (option == '?' || !take(o, n, option))
			rc = err_set(&e, ERR_CONFIG, 0,
				     "option '%.200s' is unknown, unclear or takes no value",
				     argv[optind - 1]);
	}
	if (rc == 0 && (argc - optind < o->min || argc - optind > o->max))
		rc = err_set(&e, ERR_CONFIG, 0, "%s wants %s", o->verb, o->wanted);
	if (rc < 0)
		*ret_status = verb_misused(&e, o->verb);
	return rc == 0;
}
