/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* unlisted.h - modules that are there and in no list, as an extension may bring: what they say
 * of themselves serves in place of the lists. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/bytes.h"

enum {
	UNLISTED_MAX = 256,
	UNLISTED_NAME_BYTES = 56, /* as the kernel's */
	UNLISTED_MAX_BYTES = 64 * 1024 * 1024, /* of a module's file */
};

struct unlisted {
	struct unlisted *next;
	char name[UNLISTED_NAME_BYTES]; /* as lists have it, with '_' */
	char *path;
	struct bytes info; /* its section .modinfo; owned */
};

/* Reads the *.ko below folder of which is_listed(arg, name) says no. What is too much, damaged or
 * compressed is named in the log and left out. Returns a list for unlisted_free(). */
struct unlisted *unlisted_scan(const char *folder, bool (*is_listed)(void *arg, const char *name),
			       void *arg);
void unlisted_free(struct unlisted *list);

/* Is it called so, or does one of its aliases match? '-' and '_' are the same. Pure. */
bool unlisted_fits(const struct unlisted *u, const char *wish);

const struct unlisted *unlisted_find(const struct unlisted *list, const char *name);
