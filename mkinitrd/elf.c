/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/elf.h"

#include <elf.h>
#include <string.h>

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
