/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* point.h - where hooks run: between which rows of the sequence, and at its bad end.
 * Spec: slipway-hooks(7). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define HOOKS_FOLDER "/usr/lib/slipway/hooks"

/* Named after what has been done by then. */
enum hook_point {
	POINT_NONE, /* what is no name of a point */
	POINT_ENTERED,
	POINT_EXTENDED,
	POINT_DISCOVERED,
	POINT_PROVEN,
	POINT_CHECKED,
	POINT_FAILED, /* at the end of a boot that failed: between no rows, and none refuses anything */
	N_POINTS,
};

enum {
	HOOK_NAME_BYTES = 49,
	HOOKS_MAX = 16, /* at one point */
};

/* "entered"; the folder of its hooks is of that name. */
const char *hook_point_name(enum hook_point point);

/* POINT_NONE if it is no point's name. Pure. */
enum hook_point hook_point_find(const char *name, size_t n);

/* Is it a name that a hook may have: 1 to 48 of a-z, 0-9, '-' and '_', and no sign first? Pure. */
bool hook_name_valid(const char *name);
