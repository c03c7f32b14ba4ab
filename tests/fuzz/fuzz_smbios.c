/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "modules/inputs/credentials.h"
#include "modules/inputs/smbios.h"

/* Each string as a credential, decoded where it stands. */
static void parse(char *text, const char *end)
{
	struct credential c;
	bool binary;
	char *credential = credential_in_oem_string(text, &binary);

	if (!credential || credential_parse(credential, '=', binary, &c))
		return;
	if (!credential_name_valid(c.name) || c.name < text || (const char *)c.p + c.n >= end)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *raw = malloc(size ? size : 1), *end, *strings, *text;

	if (!raw)
		return 0;
	memcpy(raw, data, size);
	for (size_t at = 0, n; (n = smbios_structure_bytes(raw + at, size - at)); at += n) {
		strings = smbios_oem_strings(raw + at, n, &end);
		while (strings && (text = smbios_next(&strings, end)))
			parse(text, end);
	}
	free(raw);
	return 0;
}
