/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* slipway-mkinitrd: the first word says what to do; without one it builds. */
#include <stdio.h>
#include <string.h>

#include "mkinitrd/verb.h"

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
} verbs[] = {
	{ "build", verb_build, "build the initrd for a kernel; the verb if none is given" },
	{ "ls", verb_ls, "list what is in an image" },
	{ "cat", verb_cat, "print files of an image" },
	{ "unpack", verb_unpack, "make a folder of an image" },
	{ "pack", verb_pack, "make an image of such a folder again" },
	{ "diff", verb_diff, "compare two images" },
	{ "verify", verb_verify, "whether an image would boot" },
	{ "predict", verb_predict, "what the TPM will hold after booting a UKI" },
	{ "explain", verb_explain, "what a reason code means, and what to do" },
	{ "profiles", verb_profiles, "list the profiles, or show what one has" },
};

enum { N_VERBS = sizeof(verbs) / sizeof(*verbs) };

int verb_failed(const struct err *e)
{
	fprintf(stderr, "slipway-mkinitrd: %s%s%s\n", e->where, *e->where ? ": " : "", e->what);
	return STATUS_FAILED;
}

int verb_misused(const struct err *e, const char *verb)
{
	fprintf(stderr, "slipway-mkinitrd: %s\n'slipway-mkinitrd %s --help' lists the options\n",
		e->what, verb);
	return STATUS_USAGE;
}

static int print_help(void)
{
	puts("Usage: slipway-mkinitrd [VERB] [OPTION]...\n\n"
	     "Builds initrds of slipway, and looks into them. The verbs:\n");
	for (size_t i = 0; i < N_VERBS; i++)
		printf("  %-8s %s\n", verbs[i].name, verbs[i].what);
	puts("\n'slipway-mkinitrd VERB --help' lists the options of one; see slipway-mkinitrd(8).");
	return fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
}

static int print_version(void)
{
	return puts("slipway-mkinitrd " SLIPWAY_VERSION) < 0 ? STATUS_FAILED : STATUS_OK;
}

static int unknown(const char *word)
{
	fprintf(stderr, "slipway-mkinitrd: '%.100s' is no verb\n'slipway-mkinitrd --help' lists them\n",
		word);
	return STATUS_USAGE;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "--help";

	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return print_help();
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
		return print_version();
	for (size_t i = 0; i < N_VERBS; i++)
		if (strcmp(word, verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	return word[0] == '-' ? verb_build(argc, argv) : unknown(word);
}
