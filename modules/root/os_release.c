/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/root/os_release.h"

#include <stdio.h>
#include <string.h>

#include "init/core/version.h"

/* The value of "key=value" at the start of line, or NULL. */
static const char *value_of(const char *line, const char *key)
{
	size_t n = strlen(key);

	return strncmp(line, key, n) == 0 && line[n] == '=' ? line + n + 1 : NULL;
}

/* As the shell would: the last one counts. NULL if there is none. */
static const char *last_value(const char *text, const char *key)
{
	const char *found = NULL;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *value;

		line += *line == '\n';
		value = value_of(line, key);
		found = value ? value : found;
	}
	return found;
}

/* Copies one value (NULL: none) up to the end of its line, without quotes and backslashes. */
static void unquote(const char *value, char *ret, size_t max)
{
	char quote;
	size_t n = 0;

	if (!value)
		value = "";
	quote = *value == '"' || *value == '\'' ? *value++ : '\0';
	for (; *value && *value != '\n' && n + 1 < max; value++) {
		if (quote && *value == quote)
			break;
		if (quote != '\'' && *value == '\\' && value[1] && value[1] != '\n')
			value++;
		ret[n++] = (unsigned char)*value < ' ' || *value == 0x7f ? '?' : *value;
	}
	ret[n] = '\0';
}

void root_os_name(const char *text, char *ret, size_t max)
{
	const char *pretty = last_value(text, "PRETTY_NAME");

	unquote(pretty ? pretty : last_value(text, "ID"), ret, max);
	if (!*ret)
		snprintf(ret, max, "Linux");
}

void root_image_version(const char *text, char *ret, size_t max)
{
	unquote(last_value(text, "IMAGE_VERSION"), ret, max);
}

int root_version_is_enough(const char *version, const char *minimum, struct err *e)
{
	if (!*minimum)
		return 0;
	if (!*version)
		return err_set(e, ERR_ROLLBACK, 0,
			       "os-release of the root has no IMAGE_VERSION, slipway.conf demands '%s'",
			       minimum);
	if (version_compare(version, minimum) < 0)
		return err_set(e, ERR_ROLLBACK, 0,
			       "the root has IMAGE_VERSION '%s', slipway.conf demands '%s'",
			       version, minimum);
	return 0;
}
