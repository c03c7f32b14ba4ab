/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/smbios.h"

#include <string.h>

enum {
	TYPE_OEM_STRINGS = 11,
	TYPE_END = 127,
	HEADER_BYTES = 4, /* type, length of the formatted area with this header, handle */
};

/* The length of the formatted area, 0 if it is not there. */
static size_t formatted_bytes(const char *raw, size_t n)
{
	size_t formatted = n < HEADER_BYTES ? 0 : (unsigned char)raw[1];

	return formatted < HEADER_BYTES || formatted > n ? 0 : formatted;
}

size_t smbios_structure_bytes(const char *raw, size_t n)
{
	size_t formatted = formatted_bytes(raw, n);

	if (!formatted || raw[0] == TYPE_END)
		return 0;
	for (size_t at = formatted; n - at >= 2; at++)
		if (!raw[at] && !raw[at + 1])
			return at + 2;
	return 0;
}

char *smbios_oem_strings(char *raw, size_t n, char **ret_end)
{
	size_t formatted = formatted_bytes(raw, n);

	if (!formatted || raw[0] != TYPE_OEM_STRINGS)
		return NULL;
	*ret_end = raw + n;
	return raw + formatted;
}

char *smbios_next(char **at, char *end)
{
	char *text = *at, *nul = memchr(text, '\0', (size_t)(end - text));

	if (!nul || nul == text)
		return NULL;
	*at = nul + 1;
	return text;
}
