/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/kernel/uevent.h"

#include <string.h>

/* Stores the value if the variable is KEY; false if it was stored before. */
static bool take(const char *variable, const char *key, const char **ret)
{
	size_t n = strlen(key);

	if (strncmp(variable, key, n) != 0 || variable[n] != '=')
		return true;
	if (*ret)
		return false;
	*ret = variable + n + 1;
	return true;
}

static bool header_fits(const char *header, const struct uevent *u)
{
	size_t n = strlen(u->action);

	return strncmp(header, u->action, n) == 0 && header[n] == '@' &&
	       strcmp(header + n + 1, u->devpath) == 0;
}

bool uevent_parse(const uint8_t *p, size_t n, struct uevent *ret)
{
	const char *header = (const char *)p, *end = header + n;
	struct uevent u = { 0 };

	if (n == 0 || n > UEVENT_MAX_BYTES || p[n - 1] != '\0')
		return false;
	for (const char *v = header + strlen(header) + 1; v < end; v += strlen(v) + 1)
		if (!take(v, "ACTION", &u.action) || !take(v, "DEVPATH", &u.devpath) ||
		    !take(v, "SUBSYSTEM", &u.subsystem) || !take(v, "MODALIAS", &u.modalias))
			return false;
	if (!u.action || !u.devpath || !u.subsystem || !header_fits(header, &u))
		return false;
	*ret = u;
	return true;
}

bool uevent_is_news(const struct uevent *u)
{
	bool here = strcmp(u->action, "add") == 0 || strcmp(u->action, "change") == 0;

	return here && strcmp(u->subsystem, "module") != 0 && strcmp(u->subsystem, "drivers") != 0;
}
