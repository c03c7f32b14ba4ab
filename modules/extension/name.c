/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/name.h"

#include <stddef.h>
#include <string.h>

#include "init/core/version.h"

static bool strip(const char *s, size_t *n, const char *suffix)
{
	size_t len = strlen(suffix);

	if (*n < len || memcmp(s + *n - len, suffix, len) != 0)
		return false;
	*n -= len;
	return true;
}

/* The boot stub passes no other names on; what else made one is not worth a guess. */
static bool is_printable(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] < 0x20 || s[i] > 0x7e || s[i] == '/')
			return false;
	return true;
}

/* The class whose suffix ends the name, which loses it; NULL if none does. */
static const struct extension_class *strip_class(const char *s, size_t *n)
{
	for (size_t i = 0; i < N_EXTENSION_CLASSES; i++) {
		size_t len = *n;

		if (strip(s, &len, extension_classes[i].name) && strip(s, &len, ".")) {
			*n = len;
			return &extension_classes[i];
		}
	}
	return NULL;
}

/* The name is the first n bytes of file, which lose the class's suffix. */
static enum name_kind take_name(const char *file, size_t n, const struct extension_class *class,
				char *ret)
{
	const struct extension_class *named = strip_class(file, &n);

	if (named && named != class)
		return NAME_FOREIGN;
	if (n == 0 || n >= EXTENSION_NAME_BYTES || file[0] == '.' || !is_printable(file, n))
		return NAME_INVALID;
	memcpy(ret, file, n);
	ret[n] = '\0';
	return NAME_GOOD;
}

enum name_kind extension_name(const char *file, const struct extension_class *class,
			      char ret[static EXTENSION_NAME_BYTES])
{
	size_t n = strlen(file);

	return strip(file, &n, ".raw") ? take_name(file, n, class, ret) : NAME_OTHER;
}

enum name_kind extension_directory_name(const char *file, const struct extension_class *class,
					char ret[static EXTENSION_NAME_BYTES])
{
	return take_name(file, strlen(file), class, ret);
}

const struct extension_class *extension_class_of(const char *file)
{
	const struct extension_class *named;
	size_t n = strlen(file);

	strip(file, &n, ".raw");
	named = strip_class(file, &n);
	return named ? named : &extension_classes[SYSEXT];
}

bool extension_release_fits(const char *suffix, const char *name)
{
	size_t n = strcspn(name, "_+");

	return n > 0 && strlen(suffix) == n && memcmp(suffix, name, n) == 0;
}

int extension_order(const char *a, const char *b)
{
	int rc = version_compare(a, b);

	return rc ? rc : strcmp(a, b);
}
