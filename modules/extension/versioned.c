/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/versioned.h"

#include <stddef.h>
#include <string.h>

#include "init/core/version.h"
#include "modules/disk/dps.h"

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

/* Cuts "+LEFT" or "+LEFT-DONE" from the end, if that is what it ends with. */
static void cut_tries(struct versioned *v)
{
	char *plus = strrchr(v->version, '+');
	const char *at;

	if (!plus || !digits(plus + 1))
		return;
	at = plus + 1 + digits(plus + 1);
	if (*at == '-' && digits(at + 1))
		at += 1 + digits(at + 1);
	if (*at)
		return;
	v->spent = strspn(plus + 1, "0") == digits(plus + 1);
	*plus = '\0';
}

/* Cuts "_ARCHITECTURE" from the end. False if it is another one. */
static bool cut_architecture(struct versioned *v)
{
	char *last = strrchr(v->version, '_');

	if (!last || !dps_is_architecture(last + 1))
		return true;
	*last = '\0';
	return strcmp(last + 1, dps_architecture()) == 0;
}

bool versioned_parse(const char *file, const char *name, const char *suffix, struct versioned *ret)
{
	size_t n = strlen(file), n_name = strlen(name), n_suffix = strlen(suffix);
	struct versioned v = { 0 };

	if (n <= n_name + 1 + n_suffix || strncmp(file, name, n_name) != 0 || file[n_name] != '_' ||
	    strcmp(file + n - n_suffix, suffix) != 0)
		return false;
	n -= n_name + 1 + n_suffix;
	if (n >= sizeof(v.version))
		return false;
	memcpy(v.version, file + n_name + 1, n);
	cut_tries(&v);
	if (!cut_architecture(&v) || !*v.version)
		return false;
	*ret = v;
	return true;
}

int versioned_compare(const struct versioned *a, const struct versioned *b)
{
	if (a->spent != b->spent)
		return a->spent ? -1 : 1;
	return version_compare(a->version, b->version);
}
