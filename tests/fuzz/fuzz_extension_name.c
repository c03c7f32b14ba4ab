/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "modules/extension/versioned.h"

/* Names as a folder might give them, the second beside the first. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(mem_free) char *text = malloc(size + 2);
	char name[EXTENSION_NAME_BYTES];
	struct versioned v;
	const char *second;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = text[size + 1] = '\0';
	second = text + strlen(text) + 1;
	if (second > text + size)
		second = text + size;
	for (int i = 0; i < N_EXTENSION_CLASSES; i++) {
		const struct extension_class *class = &extension_classes[i];

		if (extension_name(text, class, name) == NAME_GOOD &&
		    versioned_parse(second, name, ".raw", &v) && versioned_compare(&v, &v) != 0)
			__builtin_trap();
		if (extension_directory_name(text, class, name) == NAME_GOOD)
			versioned_parse(second, name, "", &v);
	}
	return 0;
}
