/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "modules/inputs/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest_entry entry;
	struct manifest m;
	struct err e;

	if (manifest_begin((const char *)data, size, &m, &e) < 0)
		return 0;
	while (manifest_next(&m, &entry, &e) > 0)
		if (*entry.path != '/' || strnlen(entry.path, sizeof(entry.path)) < 2 ||
		    strlen(entry.path) >= sizeof(entry.path) || entry.bytes > INT64_MAX)
			abort();
	return 0;
}
