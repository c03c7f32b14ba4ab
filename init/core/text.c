/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/core/text.h"

#include <stdint.h>
#include <string.h>

bool text_has_suffix(const char *text, const char *suffix)
{
	size_t n = strlen(text), n_suffix = strlen(suffix);

	return n > n_suffix && strcmp(text + n - n_suffix, suffix) == 0;
}

/* A NUL continues nothing, so nothing behind it is read. */
size_t text_character(const char *text)
{
	const uint8_t *p = (const uint8_t *)text;
	static const uint32_t least[] = { 0, 0, 0xa0, 0x800, 0x10000 }; /* 0x80 to 0x9f: C1 */
	size_t n = *p < 0x80 ? 1 : *p >> 5 == 0x06 ? 2 : *p >> 4 == 0x0e ? 3 : *p >> 3 == 0x1e ? 4 : 0;
	uint32_t c = n > 1 ? *p & (0x7fu >> n) : *p;

	if (n <= 1)
		return *p >= ' ' && *p < 0x7f;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

void text_sanitize(char *text)
{
	while (*text) {
		size_t n = text_character(text);

		if (n == 0) {
			*text = '?';
			n = 1;
		}
		text += n;
	}
}

size_t text_line(const char *text, size_t columns)
{
	size_t n = 0, blank = 0;

	for (size_t i = 0; i < columns && text[n]; i++) {
		size_t character = text_character(text + n);

		if (text[n] == ' ' && n)
			blank = n;
		n += character ? character : 1;
	}
	return !text[n] || text[n] == ' ' || !blank ? n : blank;
}
