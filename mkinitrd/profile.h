/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* profile.h - lists of modules by purpose, as text: profiles/NAME.list, slipway-mkinitrd(8).
 *
 * A row is the name or an alias of a module, and '#' starts a comment. A module that the
 * kernel lacks is left out, unless a '!' before its name says that it is missed. A '?' takes
 * only what a disk or a TPM is reached by: for the aliases of a machine's devices. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/err.h"

enum { PROFILE_MAX_BYTES = 256 * 1024, PROFILE_MAX_ROWS = 4096, PROFILE_MAX_NAME = 255 };

enum profile_mark { PROFILE_SOFT, PROFILE_MISSED, PROFILE_REACH };

struct profile_row {
	const char *name;
	enum profile_mark mark;
};

struct profile {
	char *text; /* owned; the names point into it */
	struct profile_row *rows; /* owned */
	size_t n;
	char why[128]; /* the reason that the manifest gives */
};

/* The profiles that come with the program, by number from 0; NULL at the end. */
const char *profile_name(size_t i);

/* Is it one of them, none, or the path of a list, which has a '/'? */
bool profile_known(const char *name);

/* The text of a profile that is known; the caller frees *ret, and *ret_n bytes precede a
 * NUL. host asks the machine that this runs on. Errors: ERR_SYSTEM, ERR_MEMORY. */
int profile_read(const char *name, char **ret, size_t *ret_n, struct err *e);

/* Parses the text of a profile, whose name is for messages and reasons. Pure. On success
 * the caller calls profile_done(). Errors: ERR_CONFIG with the line, ERR_MEMORY. */
int profile_parse(const char *name, const char *text, size_t n, struct profile *ret,
		  struct err *e);
void profile_done(struct profile *p);

/* The two above in one. */
int profile_open(const char *name, struct profile *ret, struct err *e);

/* How the paths begin, in a kernel's module folder, of what a disk or a TPM is reached by;
 * NULL at the end. */
extern const char *const profile_reach[];
