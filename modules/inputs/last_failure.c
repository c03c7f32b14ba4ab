/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/last_failure.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "init/core/text.h"
#include "modules/inputs/options.h"

#define NAME "SlipwayFailure"
#define GUID "cd359083-0f0e-4a2c-89b6-b226c9388077"

enum { ATTRIBUTES_BYTES = 4 };

/* Non-volatile, for boot services and at run time. */
static const uint8_t attributes[ATTRIBUTES_BYTES] = { 7 };

/* Bounded by the members of struct err: far less than a variable may have. */
void last_failure_format(const char *stage, const struct err *failure, unsigned count,
			 struct efivar *ret)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s\n%.15s\n%s\n%u", err_name(failure->code), stage,
			 failure->what, count);

	memcpy(ret->bytes, attributes, ATTRIBUTES_BYTES);
	memcpy(ret->bytes + ATTRIBUTES_BYTES, text, (size_t)n);
	ret->n = ATTRIBUTES_BYTES + (size_t)n;
}

/* Moves *at behind the line and copies it; false if there is none, it is empty or too long. */
static bool take_line(const char **at, const char *end, char *ret, size_t max)
{
	const char *eol = memchr(*at, '\n', (size_t)(end - *at));
	size_t n = (size_t)((eol ? eol : end) - *at);

	if (!n || n >= max || memchr(*at, '\0', n))
		return false;
	memcpy(ret, *at, n);
	ret[n] = '\0';
	*at = eol ? eol + 1 : end;
	return true;
}

int last_failure_parse(const uint8_t *p, size_t n, struct last_failure *ret, struct err *e)
{
	const char *at = (const char *)p + ATTRIBUTES_BYTES, *end = (const char *)p + n;
	struct last_failure f;
	char count[4];

	if (n <= ATTRIBUTES_BYTES || !take_line(&at, end, f.code, sizeof(f.code)) ||
	    !take_line(&at, end, f.stage, sizeof(f.stage)) ||
	    !take_line(&at, end, f.what, sizeof(f.what)) || !take_line(&at, end, count, sizeof(count)) ||
	    at != end)
		return err_set(e, ERR_EFI_VARIABLE, 0, "'" NAME "' is no failure of a boot");
	if (strspn(f.code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != strlen(f.code) ||
	    strspn(f.stage, "abcdefghijklmnopqrstuvwxyz-") != strlen(f.stage))
		return err_set(e, ERR_EFI_VARIABLE, 0, "'" NAME "' has no code and stage");
	if (!number_parse(count, FAILURE_LIMIT_MAX, &f.count) || !f.count)
		return err_set(e, ERR_EFI_VARIABLE, 0, "'" NAME "' has no count");
	text_sanitize(f.what);
	*ret = f;
	return 0;
}

int last_failure_read(struct last_failure *ret, struct err *e)
{
	struct efivar v;
	int rc = efivar_read(NAME, GUID, &v, e);

	if (rc > 0)
		rc = last_failure_parse(v.bytes, v.n, ret, e) < 0 ? -ERR_EFI_VARIABLE : 1;
	return rc;
}

int last_failure_keep(const char *stage, const struct err *failure, unsigned count, struct err *e)
{
	struct efivar new, old;
	int rc = efivars_mount(e);

	if (rc < 0)
		return rc;
	last_failure_format(stage, failure, count, &new);
	/* The memory behind a variable wears out, and some machines fail every minute. */
	if (efivar_read(NAME, GUID, &old, e) > 0 && old.n == new.n && memcmp(old.bytes, new.bytes, new.n) == 0)
		return 0;
	return efivar_write(NAME, GUID, &new, e);
}

int last_failure_forget(struct err *e)
{
	return efivar_remove(NAME, GUID, e);
}
