/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/elf.h"

#include <elf.h>
#include <string.h>

enum {
	NOTE_HEADER = 12, /* sizes of owner and contents, type */
	PACKAGE_NOTE = 0xcafe1a7e,
};

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

const char *elf_modinfo(struct bytes info, const char *key)
{
	const char *at = (const char *)info.p, *end = at + info.n;
	size_t n = strlen(key);

	while (at < end) {
		size_t used = strnlen(at, (size_t)(end - at));

		if (used == (size_t)(end - at))
			return NULL;
		if (used > n && memcmp(at, key, n) == 0 && at[n] == '=')
			return at + n + 1;
		at += used + 1;
	}
	return NULL;
}

bool elf_package_note(struct bytes section, struct bytes *ret)
{
	const uint8_t *p = section.p;
	size_t n;

	if (section.n < NOTE_HEADER + 4 || le32(p) != 4 || le32(p + 8) != PACKAGE_NOTE ||
	    memcmp(p + NOTE_HEADER, "FDO", 4) != 0)
		return false;
	if (!slice(section, NOTE_HEADER + 4, le32(p + 4), ret))
		return false;
	n = strnlen((const char *)ret->p, ret->n);
	ret->n = n;
	return n > 0;
}

const char *elf_objection(struct bytes file)
{
	Elf64_Ehdr head;

	if (file.n < sizeof(head) || memcmp(file.p, ELFMAG, SELFMAG) != 0)
		return "is no ELF program";
	memcpy(&head, file.p, sizeof(head));
	if (head.e_ident[EI_CLASS] != ELFCLASS64 || (head.e_type != ET_EXEC && head.e_type != ET_DYN))
		return "is no ELF program of 64 bits";
	if (!head.e_phnum || head.e_phentsize != sizeof(Elf64_Phdr) || head.e_phoff > file.n ||
	    (file.n - head.e_phoff) / sizeof(Elf64_Phdr) < head.e_phnum)
		return "is a damaged ELF program";
	for (unsigned i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr segment;

		memcpy(&segment, file.p + head.e_phoff + i * sizeof(segment), sizeof(segment));
		if (segment.p_type == PT_INTERP)
			return "is linked dynamically";
		if (segment.p_offset > file.n || segment.p_filesz > file.n - segment.p_offset)
			return "is an ELF program that was cut off";
	}
	return NULL;
}
