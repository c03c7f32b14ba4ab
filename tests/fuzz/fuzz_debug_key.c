/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "debug/key.h"

/* What counts as a line is one text without its end, in the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size ? size : 1);

	memcpy(line, data, size);
	if (key_line(line, size) && (strlen(line) != size - 1 || memcmp(line, data, size - 1) != 0))
		abort();
	free(line);
	return 0;
}
