/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* options.h - the command line of slipway-mkinitrd, slipway-mkinitrd(8). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"

struct words {
	const char **v; /* owned, ends with NULL; the words are those of argv */
	size_t n;
};

enum task { TASK_BUILD, TASK_HELP };

enum profile { PROFILE_NONE, PROFILE_VIRT };

struct build_options {
	enum task task;
	const char *output;
	const char *kernel_version;
	const char *sysroot;    /* "" is the machine's own root */
	const char *init;
	const char *conf;       /* or NULL, as the next two */
	const char *os_release;
	const char *manifest;
	enum profile profile;
	int level;              /* of zstd; 0 stores */
	uint32_t time;          /* of every file, from SOURCE_DATE_EPOCH */
	bool dry_run, verbose;
	struct words modules;
	struct words certificates;
	struct words modprobe_configs;
	struct words includes;  /* SRC:DST */
};

/* Parses argv, whose words it splits and keeps, and SOURCE_DATE_EPOCH. The caller calls
 * build_options_done(), also after a failure. Errors: ERR_CONFIG for wrong usage. */
int build_options_parse(int argc, char **argv, struct build_options *ret, struct err *e);
void build_options_done(struct build_options *o);

extern const char build_options_help[];
