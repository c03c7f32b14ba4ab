/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/core/version.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* ASCII only, whatever the locale. */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *skip_separators(const char *s)
{
	while (*s && !is_digit(*s) && !is_letter(*s) && !strchr("-.~^", *s))
		s++;
	return s;
}

static size_t run_of(const char *s, bool (*in)(char))
{
	size_t n = 0;

	while (in(s[n]))
		n++;
	return n;
}

static int sign(long v)
{
	return (v > 0) - (v < 0);
}

/* Numbers of any length: leading zeros dropped, then longer is larger. */
static int compare_digits(const char **a, const char **b)
{
	size_t na, nb;
	int rc;

	*a += strspn(*a, "0");
	*b += strspn(*b, "0");
	na = run_of(*a, is_digit);
	nb = run_of(*b, is_digit);
	rc = na != nb ? (na > nb ? 1 : -1) : strncmp(*a, *b, na);
	*a += na;
	*b += nb;
	return sign(rc);
}

/* Capitals sort before lower case; of two where one is a prefix, the longer
 * one is larger. */
static int compare_letters(const char **a, const char **b)
{
	size_t na = run_of(*a, is_letter), nb = run_of(*b, is_letter);
	int rc = strncmp(*a, *b, na < nb ? na : nb);

	if (rc == 0)
		rc = (na > nb) - (na < nb);
	*a += na;
	*b += nb;
	return sign(rc);
}

int version_compare(const char *a, const char *b)
{
	for (;;) {
		int rc;

		a = skip_separators(a);
		b = skip_separators(b);

		if (*a == '~' || *b == '~') { /* a pre-release is older */
			if (*a != *b)
				return *a == '~' ? -1 : 1;
			a++, b++;
			continue;
		}
		if (!*a || !*b)
			return (*a != '\0') - (*b != '\0');
		if (strchr("-^.", *a) || strchr("-^.", *b)) {
			/* In this order: whoever has the earlier mark is older. */
			for (const char *mark = "-^."; *mark; mark++)
				if ((*a == *mark) != (*b == *mark))
					return *a == *mark ? -1 : 1;
				else if (*a == *mark)
					break;
			a++, b++;
			continue;
		}
		if (is_digit(*a) || is_digit(*b))
			rc = compare_digits(&a, &b);
		else
			rc = compare_letters(&a, &b);
		if (rc)
			return rc;
	}
}
