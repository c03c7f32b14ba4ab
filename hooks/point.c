/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hooks/point.h"

#include <string.h>

static const char *const names[N_POINTS] = {
	[POINT_NONE] = "none",
	[POINT_ENTERED] = "entered",
	[POINT_EXTENDED] = "extended",
	[POINT_DISCOVERED] = "discovered",
	[POINT_PROVEN] = "proven",
	[POINT_CHECKED] = "checked",
	[POINT_FAILED] = "failed",
};

const char *hook_point_name(enum hook_point point)
{
	return names[point < N_POINTS ? point : POINT_NONE];
}

enum hook_point hook_point_find(const char *name, size_t n)
{
	for (unsigned i = POINT_NONE + 1; i < N_POINTS; i++)
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
			return (enum hook_point)i;
	return POINT_NONE;
}

bool hook_name_valid(const char *name)
{
	static const char taken[] = "0123456789abcdefghijklmnopqrstuvwxyz-_";
	size_t n = strspn(name, taken);

	return n > 0 && n < HOOK_NAME_BYTES && !name[n] && *name != '-' && *name != '_';
}
