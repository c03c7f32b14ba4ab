/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* profiles: what --profile knows. A list is printed as it is, so that it can be the start
 * of one's own. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "mkinitrd/profile.h"
#include "mkinitrd/verb.h"

static const char help[] =
	"Usage: slipway-mkinitrd profiles [NAME]\n"
	"\n"
	"Lists the profiles, or prints the one of this name: a module's name or alias in each\n"
	"row. A kernel may lack any of them, but of what has a '!' it is said. A '?' takes only\n"
	"what a disk or a TPM is reached by. host is made for the machine that this runs on:\n"
	"\n"
	"    slipway-mkinitrd profiles host >machine.list\n"
	"    slipway-mkinitrd build --profile ./machine.list ...\n"
	"\n"
	"  -h, --help                   this text\n"
	"\n"
	"Exit status: 0, 1 after a failure, 2 if the command line is wrong.\n";

/* The first line of each profile says what it is for. */
static int print_names(struct err *e)
{
	int rc = 0;

	for (size_t i = 0; profile_name(i) && rc == 0; i++) {
		SCOPED(mem_free) char *text = NULL;
		const char *name = profile_name(i);
		size_t n, skip = strlen("# ") + strlen(name) + strlen(" - ");

		rc = profile_read(name, &text, &n, e);
		if (rc == 0)
			printf("%-8s %.*s\n", name, (int)(strcspn(text, "\n") - skip), text + skip);
	}
	return rc;
}

static int print_one(const char *name, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	size_t n;
	int rc = profile_read(name, &text, &n, e);

	if (rc == 0)
		fwrite(text, 1, n, stdout);
	return rc;
}

int verb_profiles(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	struct err e = { 0 };
	int option, rc = 0;

	opterr = 0;
	option = getopt_long(argc, argv, ":h", options, NULL);
	if (option == 'h')
		return fputs(help, stdout) < 0 ? STATUS_FAILED : STATUS_OK;
	if (option != -1)
		rc = err_set(&e, ERR_CONFIG, 0, "option '%.100s' is unknown", argv[optind - 1]);
	else if (argc - optind > 1)
		rc = err_set(&e, ERR_CONFIG, 0, "'%.100s' is one name too many", argv[optind + 1]);
	else if (optind < argc && !profile_known(argv[optind]))
		rc = err_set(&e, ERR_CONFIG, 0, "there is no profile '%.100s'", argv[optind]);
	if (rc < 0)
		return verb_misused(&e, "profiles");
	rc = optind < argc ? print_one(argv[optind], &e) : print_names(&e);
	if (rc == 0 && fflush(stdout) != 0)
		rc = err_set(&e, ERR_SYSTEM, errno, "print the profiles");
	return rc < 0 ? verb_failed(&e) : STATUS_OK;
}
