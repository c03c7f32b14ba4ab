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

/* Numbers of any length: leading zeros dropped, then longer is larger. No number at
 * all is less than any, even 0. */
static int compare_digits(const char **a, const char **b)
{
	size_t na, nb;
	int rc = is_digit(**a) - is_digit(**b);

	*a += strspn(*a, "0");
	*b += strspn(*b, "0");
	na = run_of(*a, is_digit);
	nb = run_of(*b, is_digit);
	if (rc == 0)
		rc = na != nb ? (na > nb) - (na < nb) : strncmp(*a, *b, na);
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

/* A version with the mark is older than one without; both have it: it is skipped. */
static int compare_mark(const char **a, const char **b, char mark)
{
	bool has_a = **a == mark, has_b = **b == mark;

	*a += has_a && has_b;
	*b += has_a && has_b;
	return has_b - has_a;
}

int version_compare(const char *a, const char *b)
{
	for (;;) {
		int rc;

		a = skip_separators(a);
		b = skip_separators(b);
		rc = compare_mark(&a, &b, '~'); /* a pre-release */
		if (rc)
			return rc;
		if (!*a || !*b)
			return (*a != '\0') - (*b != '\0');
		for (const char *mark = "-^."; *mark && !rc; mark++)
			rc = compare_mark(&a, &b, *mark);
		if (rc)
			return rc;
		if (is_digit(*a) || is_digit(*b))
			rc = compare_digits(&a, &b);
		else
			rc = compare_letters(&a, &b);
		if (rc)
			return rc;
	}
}
