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

const char *elf_modinfo(struct bytes info, const char *key)
{
	return elf_modinfo_next(&info, key);
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
