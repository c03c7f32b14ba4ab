/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/luks/recovery.h"

#include <string.h>

enum { GROUPS = 8, LETTERS = 8 };

bool recovery_key_normalise(const char *typed, char ret[static RECOVERY_KEY_BYTES])
{
	size_t n = 0;
	char *out = ret;

	for (const char *c = typed; *c; c++) {
		char lower = *c >= 'A' && *c <= 'Z' ? (char)(*c + 'a' - 'A') : *c;

		if (lower == '-' || lower == ' ' || lower == '\t')
			continue;
		if (!strchr("cbdefghijklnrtuv", lower) || n == (size_t)GROUPS * LETTERS)
			return false;
		if (n && n % LETTERS == 0)
			*out++ = '-';
		*out++ = lower;
		n++;
	}
	*out = '\0';
	return n == (size_t)GROUPS * LETTERS;
}
