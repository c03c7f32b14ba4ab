/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/device_name.h"

#include <stddef.h>
#include <string.h>

/* The rest of the text after a prefix, or NULL. */
static const char *after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

static bool copy(char *ret, size_t max, const char *text)
{
	size_t n = strlen(text);

	if (n == 0 || n >= max)
		return false;
	memcpy(ret, text, n + 1);
	return true;
}

bool device_name_parse(const char *text, struct device_name *ret)
{
	struct device_name d = { 0 };
	const char *rest;
	bool good = false;

	if ((rest = after(text, "PARTUUID=")) || (rest = after(text, "/dev/disk/by-partuuid/")))
		good = d.has_uuid = uuid_from_text(rest, &d.uuid);
	else if ((rest = after(text, "PARTLABEL=")) || (rest = after(text, "/dev/disk/by-partlabel/")))
		good = copy(d.label, sizeof(d.label), rest);
	else if ((rest = after(text, "/dev/")) && !strchr(rest, '/'))
		good = copy(d.node, sizeof(d.node), rest);
	if (good)
		*ret = d;
	return good;
}
