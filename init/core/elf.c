/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/core/elf.h"

#include <elf.h>
#include <string.h>

static bool slice(struct bytes whole, uint64_t offset, uint64_t n, struct bytes *ret)
{
	if (offset > whole.n || n > whole.n - offset)
		return false;
	*ret = (struct bytes){ whole.p + offset, (size_t)n };
	return true;
}

/* The section header of this number; the table was found to be inside of the file. */
static const uint8_t *header(struct bytes table, unsigned number)
{
	return table.p + number * sizeof(Elf64_Shdr);
}

static bool contents(struct bytes file, const uint8_t *header, struct bytes *ret)
{
	return le32(header + offsetof(Elf64_Shdr, sh_type)) != SHT_NOBITS &&
	       slice(file, le64(header + offsetof(Elf64_Shdr, sh_offset)),
		     le64(header + offsetof(Elf64_Shdr, sh_size)), ret);
}

static bool named(struct bytes names, uint32_t at, const char *name)
{
	size_t n = strlen(name) + 1;

	return at <= names.n && n <= names.n - at && memcmp(names.p + at, name, n) == 0;
}

bool elf_section(const uint8_t *p, size_t n, const char *name, struct bytes *ret)
{
	static const uint8_t magic[] = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB };
	struct bytes file = { p, n }, table, names;
	unsigned count, of_names;

	if (n < sizeof(Elf64_Ehdr) || memcmp(p, magic, sizeof(magic)) != 0 ||
	    le16(p + offsetof(Elf64_Ehdr, e_shentsize)) != sizeof(Elf64_Shdr))
		return false;
	count = le16(p + offsetof(Elf64_Ehdr, e_shnum));
	of_names = le16(p + offsetof(Elf64_Ehdr, e_shstrndx));
	if (of_names >= count ||
	    !slice(file, le64(p + offsetof(Elf64_Ehdr, e_shoff)), count * sizeof(Elf64_Shdr),
		   &table) ||
	    !contents(file, header(table, of_names), &names))
		return false;
	for (unsigned i = 0; i < count; i++)
		if (named(names, le32(header(table, i)), name))
			return contents(file, header(table, i), ret);
	return false;
}

const char *elf_modinfo_next(struct bytes *info, const char *key)
{
	size_t n = strlen(key);

	while (info->n) {
		const char *at = (const char *)info->p;
		size_t used = strnlen(at, info->n);

		if (used == info->n)
			return NULL;
		info->p += used + 1;
		info->n -= used + 1;
		if (used > n && memcmp(at, key, n) == 0 && at[n] == '=')
			return at + n + 1;
	}
	return NULL;
}
