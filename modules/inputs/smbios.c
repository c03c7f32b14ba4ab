/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/smbios.h"

#include <string.h>

enum {
	TYPE_OEM_STRINGS = 11,
	HEADER_BYTES = 4, /* type, length of the formatted area with this header, handle */
};

char *smbios_oem_strings(char *raw, size_t n, char **ret_end)
{
	size_t formatted = n < HEADER_BYTES ? 0 : (unsigned char)raw[1];

	if (formatted < HEADER_BYTES || formatted > n || raw[0] != TYPE_OEM_STRINGS)
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
