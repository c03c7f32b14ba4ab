/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/pe.h"

#include <string.h>

enum {
	DOS_HEADER_BYTES = 64,
	DOS_PE_OFFSET = 0x3c, /* where the offset of the PE signature is */
	SIGNATURE_BYTES = 4,
	COFF_HEADER_BYTES = 20,
	COFF_N_SECTIONS = 2,
	COFF_OPTIONAL_BYTES = 16,
	SECTION_BYTES = 40,
	SECTION_NAME_BYTES = 8,
	SECTION_VIRTUAL_BYTES = 8,
	SECTION_RAW_BYTES = 16,
	SECTION_RAW_OFFSET = 20,
	MAX_SECTIONS = 96, /* what the specification's loader takes */
};

bool pe_recognise(struct bytes file)
{
	return file.n >= DOS_HEADER_BYTES && memcmp(file.p, "MZ", 2) == 0;
}

static int find_sections(struct bytes file, const uint8_t **ret, size_t *ret_n, struct err *e)
{
	const uint8_t *coff;
	size_t at, headers;

	if (!pe_recognise(file))
		return err_set(e, ERR_CONFIG, 0, "it is no PE file");
	at = le32(file.p + DOS_PE_OFFSET);
	if (at > file.n || file.n - at < SIGNATURE_BYTES + COFF_HEADER_BYTES ||
	    memcmp(file.p + at, "PE\0", SIGNATURE_BYTES) != 0)
		return err_set(e, ERR_CONFIG, 0, "it starts as a PE file and has no PE header");
	coff = file.p + at + SIGNATURE_BYTES;
	at += SIGNATURE_BYTES + COFF_HEADER_BYTES;
	headers = le16(coff + COFF_OPTIONAL_BYTES);
	*ret_n = le16(coff + COFF_N_SECTIONS);
	if (*ret_n > MAX_SECTIONS || headers > file.n - at ||
	    *ret_n * SECTION_BYTES > file.n - at - headers)
		return err_set(e, ERR_CONFIG, 0,
			       "its PE header claims %zu sections, for which there is no room", *ret_n);
	*ret = file.p + at + headers;
	return 0;
}

int pe_section(struct bytes file, const char *name, struct bytes *ret, struct err *e)
{
	const uint8_t *section = NULL;
	size_t n = 0;
	int rc = find_sections(file, &section, &n, e);

	if (rc < 0)
		return rc;
	for (; n && strncmp((const char *)section, name, SECTION_NAME_BYTES) != 0; n--)
		section += SECTION_BYTES;
	if (!n)
		return 0;
	size_t offset = le32(section + SECTION_RAW_OFFSET), raw = le32(section + SECTION_RAW_BYTES);
	size_t used = le32(section + SECTION_VIRTUAL_BYTES);

	if (offset > file.n || raw > file.n - offset)
		return err_set(e, ERR_CONFIG, 0,
			       "its section '%s' reaches beyond the end of the file, which was cut off",
			       name);
	*ret = (struct bytes){ file.p + offset, used < raw ? used : raw };
	return 1;
}
