/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* verb.h - the verbs of slipway-mkinitrd, a file verb_NAME.c each. */
#pragma once

#include "init/core/err.h"

enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1, /* also: two images differ, an image would not boot */
	STATUS_USAGE = 2,
};

/* Each takes its words (argv[0] is the verb), prints its results to standard output and
 * its errors to standard error, and returns the exit status. --help shows a screen. */
int verb_build(int argc, char **argv);
int verb_cat(int argc, char **argv);
int verb_diff(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_ls(int argc, char **argv);
int verb_pack(int argc, char **argv);
int verb_predict(int argc, char **argv);
int verb_profiles(int argc, char **argv);
int verb_unpack(int argc, char **argv);
int verb_verify(int argc, char **argv);

/* Says what is wrong. Both return the exit status, the second one that of wrong usage. */
int verb_failed(const struct err *e);
int verb_misused(const struct err *e, const char *verb);
