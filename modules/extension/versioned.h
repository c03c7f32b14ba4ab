/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* versioned.h - names in a folder NAME.raw.v or NAME.v, of which the newest is used.
 * Spec: systemd.v(7). Pure. Trust: input is hostile. */
#pragma once

#include <stdbool.h>

#include "modules/extension/name.h"

struct versioned {
	char version[EXTENSION_NAME_BYTES];
	bool spent; /* no tries are left: it counts for less than all that have some */
};

/* Takes file apart: NAME_VERSION[_ARCHITECTURE][+LEFT[-DONE]]SUFFIX. False if it is something
 * else, or for another machine. */
bool versioned_parse(const char *file, const char *name, const char *suffix, struct versioned *ret);

/* Negative, 0 or positive, as a is older than b, as good, or newer. */
int versioned_compare(const struct versioned *a, const struct versioned *b);
