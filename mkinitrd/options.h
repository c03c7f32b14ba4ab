/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* options.h - what the verb build is asked for: slipway-mkinitrd(8) and
 * slipway-mkinitrd.conf(5). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"
#include "mkinitrd/compress.h"
#include "mkinitrd/settings.h"

struct words {
	char **v; /* owned; NULL at the end, once there is a word */
	size_t n;
};

#define OPTIONS_INIT "/usr/lib/slipway/init"
#define OPTIONS_INIT_LUKS OPTIONS_INIT "-luks"

struct build_options {
	const char *output;
	const char *sysroot;    /* "" is the machine's own root */
	const char *init;
	const char *conf;       /* or NULL, as the next seven */
	const char *policy;
	const char *os_release;
	const char *busybox;
	const char *debug_shell;
	const char *manifest;
	const char *sbom;
	const char *config;     /* of mkinitrd.conf(5), "none" for none at all */
	const char *firmware;   /* "referenced", "none" or DIR[:DIR...] */
	const char *profile;    /* that is known: profile_known() */
	struct compression compression;
	uint32_t time;          /* of every file, from SOURCE_DATE_EPOCH */
	bool luks;              /* what opens encrypted roots is packed, too */
	bool dry_run, verbose, help, print_config;
	struct words kernels;   /* versions, each once */
	struct words modules;   /* NAME, +NAME or -NAME; the last word about a name alone */
	struct words certificates;
	struct words modprobe_configs;
	struct words includes;  /* SRC:DST */
	struct words hooks;     /* POINT:FILE */
	struct settings settings; /* which own the texts above */
};

/* Takes the defaults, mkinitrd.conf and its drop-ins, argv and SOURCE_DATE_EPOCH, where a
 * later one wins. argv is only read. With --help, nothing else counts. The caller calls
 * build_options_done(), also after a failure. Errors: ERR_CONFIG for what is not
 * understood, naming the line; ERR_SYSTEM for a file that cannot be read; ERR_MEMORY. */
int build_options_parse(int argc, char **argv, struct build_options *ret, struct err *e);
void build_options_done(struct build_options *o);

/* Fills the members from o->settings, in their order. Pure. Errors as above. */
int build_options_apply(struct build_options *o, struct err *e);

/* Prints a line for each option, to standard output. */
void build_options_print_help(void);

/* Appends a copy. Errors: ERR_MEMORY. */
int words_push(struct words *w, const char *word, struct err *e);
