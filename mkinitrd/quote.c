/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/quote.h"

#include "init/core/text.h"

static void quote_byte(FILE *f, unsigned char c)
{
	if (c == '\n')
		fputs("\\n", f);
	else if (c == '\t')
		fputs("\\t", f);
	else if (c == '\\')
		fputs("\\\\", f);
	else
		fprintf(f, "\\x%02x", c);
}

void quote(FILE *f, const char *text)
{
	while (*text) {
		size_t n = *text == '\\' ? 0 : text_character(text);

		if (n == 0) {
			quote_byte(f, (unsigned char)*text++);
			continue;
		}
		fwrite(text, 1, n, f);
		text += n;
	}
}
