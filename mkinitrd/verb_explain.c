/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* explain: what a reason code of init means, and what to do about it. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "init/core/text.h"
#include "mkinitrd/operands.h"
#include "mkinitrd/verb.h"
#include "modules/inputs/failure.h"

enum { COLUMNS = 80 };

static const char help[] =
	"Usage: slipway-mkinitrd explain [CODE]...\n"
	"\n"
	"Says what a reason code means that a boot failed with, or that its record has, and what\n"
	"to do about it; without a code, of all.\n"
	"\n"
	"  -h, --help   this text\n";

static void say(const char *label, const char *text)
{
	do {
		size_t n = text_line(text, COLUMNS - 1 - strlen("  means  "));

		printf("  %-6s %.*s\n", label, (int)n, text);
		text += n + strspn(text + n, " ");
		label = "";
	} while (*text);
}

static void explain(enum err_code code)
{
	printf("%s, of the class %s\n", err_name(code), failure_class(code));
	say("means", err_meaning(code));
	say("next", err_advice(code));
}

static int find_and_explain(const char *name, struct err *e)
{
	for (unsigned i = ERR_NONE + 1; i < ERR_N_CODES; i++)
		if (strcmp(err_name((enum err_code)i), name) == 0) {
			explain((enum err_code)i);
			return 0;
		}
	return err_set(e, ERR_CONFIG, 0, "'%.60s' is no reason code; without one, all are listed", name);
}

int verb_explain(int argc, char **argv)
{
	static const struct operands o = {
		.verb = "explain", .help = help, .max = INT_MAX, .wanted = "reason codes",
	};
	struct err e = { 0 };
	int status, rc = 0;

	if (!operands_parse(&o, argc, argv, &status))
		return status;
	for (unsigned i = ERR_NONE + 1; optind == argc && i < ERR_N_CODES; i++)
		explain((enum err_code)i);
	for (int k = optind; k < argc && rc == 0; k++)
		rc = find_and_explain(argv[k], &e);
	if (rc == 0 && fflush(stdout) != 0)
		rc = err_set(&e, ERR_SYSTEM, errno, "print what it means");
	return rc < 0 ? verb_failed(&e) : STATUS_OK;
}
