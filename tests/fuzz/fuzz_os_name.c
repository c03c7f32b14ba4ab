/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "modules/root/root.h"

/* The name goes to the console and the record: it is short and has no control characters. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *text = malloc(n + 1), name[16];

	if (!text)
		return 0;
	memcpy(text, p, n);
	text[n] = '\0';
	root_os_name(text, name, sizeof(name));
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < ' ')
			abort();
	free(text);
	return 0;
}
