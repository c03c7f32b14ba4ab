/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What fnmatch(3) asks about letters, in ASCII: the patterns of module aliases and of image filters
 * are matched as in the C locale. These take the place of the C library's own, which bring tables of
 * all the world's scripts, 12 KB of them. */
#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <wctype.h>

static const struct {
	char name[8];
	int (*has)(int c);
} classes[] = {
	{ "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank }, { "cntrl", iscntrl },
	{ "digit", isdigit }, { "graph", isgraph }, { "lower", islower }, { "print", isprint },
	{ "punct", ispunct }, { "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
};

enum { N_CLASSES = sizeof(classes) / sizeof(*classes) };

wctype_t wctype(const char *name)
{
	for (size_t i = 0; i < N_CLASSES; i++)
		if (strcmp(classes[i].name, name) == 0)
			return (wctype_t)(i + 1);
	return 0;
}

int iswctype(wint_t c, wctype_t class)
{
	return c < 0x80 && class >= 1 && class <= N_CLASSES && classes[class - 1].has((int)c);
}

wint_t towlower(wint_t c)
{
	return c < 0x80 ? (wint_t)tolower((int)c) : c;
}

wint_t towupper(wint_t c)
{
	return c < 0x80 ? (wint_t)toupper((int)c) : c;
}
