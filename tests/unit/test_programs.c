/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a file says of itself: static programs and kernels. */
#include "tests/unit/unit.h"

#include <elf.h>
#include <stdlib.h>

#include "mkinitrd/bzimage.h"
#include "mkinitrd/elf.h"

/* Two segments behind the header, the second one 16 bytes behind them. */
struct program {
	Elf64_Ehdr head;
	Elf64_Phdr segments[2];
	char text[16];
};

static struct program make_program(void)
{
	struct program p = {
		.head = { .e_type = ET_DYN,
			  .e_phoff = offsetof(struct program, segments),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = 2 },
		.segments = { { .p_type = PT_DYNAMIC },
			      { .p_type = PT_LOAD,
				.p_offset = offsetof(struct program, text),
				.p_filesz = 16 } },
	};

	memcpy(p.head.e_ident, ELFMAG, SELFMAG);
	p.head.e_ident[EI_CLASS] = ELFCLASS64;
	return p;
}

#define AT(member) offsetof(struct program, member), sizeof(((struct program *)0)->member)

static const struct {
	const char *name;
	size_t at, n_at; /* little-endian bytes that become value */
	uint64_t value;
	size_t n; /* of the file; 0: all */
	const char *objection;
} programs[] = {
	{ "as it is", 0, 0, 0, 0, NULL },
	{ "not moved", AT(head.e_type), ET_EXEC, 0, NULL },
	{ "no magic", 0, 1, 'x', 0, "is no ELF program" },
	{ "cut in its header", 0, 0, 0, 63, "is no ELF program" },
	{ "empty", 0, 0, 0, 1, "is no ELF program" },
	{ "32 bits", EI_CLASS, 1, ELFCLASS32, 0, "is no ELF program of 64 bits" },
	{ "an object", AT(head.e_type), ET_REL, 0, "is no ELF program of 64 bits" },
	{ "no segments", AT(head.e_phnum), 0, 0, "is a damaged ELF program" },
	{ "more segments than room", AT(head.e_phnum), 3, 0, "is a damaged ELF program" },
	{ "segments far away", AT(head.e_phoff), UINT64_MAX, 0, "is a damaged ELF program" },
	{ "another table", AT(head.e_phentsize), 32, 0, "is a damaged ELF program" },
	{ "interpreter", AT(segments[0].p_type), PT_INTERP, 0, "is linked dynamically" },
	{ "segment too long", AT(segments[1].p_filesz), 17, 0, "is an ELF program that was cut off" },
	{ "segment wraps", AT(segments[1].p_offset), UINT64_MAX, 0, "is an ELF program that was cut off" },
	{ "cut at its end", 0, 0, 0, sizeof(struct program) - 1, "is an ELF program that was cut off" },
};

static void programs_are_static_and_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		struct program whole = make_program();
		size_t n = programs[i].n ? programs[i].n : sizeof(whole);
		uint8_t *file = malloc(n);
		const char *got;

		memcpy((char *)&whole + programs[i].at, &programs[i].value, programs[i].n_at);
		memcpy(file, &whole, n);
		got = elf_objection((struct bytes){ file, n });
		if ((got == NULL) != (programs[i].objection == NULL) ||
		    (got && strcmp(got, programs[i].objection) != 0))
			fail_msg("case '%s': %s", programs[i].name, got ? got : "no objection");
		free(file);
	}
}

enum { TEXT = 0x300, KERNEL_BYTES = TEXT + 200 };

static const struct {
	const char *name, *text;
	uint16_t pointer;
	size_t n;
	const char *version; /* NULL: none is told */
} kernels[] = {
	{ "Debian's", "6.12.1+deb13-cloud-amd64 (a@b) #1 SMP", TEXT - 0x200, KERNEL_BYTES, "6.12.1+deb13-cloud-amd64" },
	{ "nothing follows", "6.1", TEXT - 0x200, KERNEL_BYTES, "6.1" },
	{ "no pointer", "6.1", 0, KERNEL_BYTES, NULL },
	{ "pointer beyond", "6.1", 0xffff, KERNEL_BYTES, NULL },
	{ "no text", "", TEXT - 0x200, KERNEL_BYTES, NULL },
	{ "a path", "../6.1", TEXT - 0x200, KERNEL_BYTES, NULL },
	{ "a path in it", "6.1/x", TEXT - 0x200, KERNEL_BYTES, NULL },
	{ "control character", "6.1\033x", TEXT - 0x200, KERNEL_BYTES, NULL },
	{ "cut within it", "6.12.1", TEXT - 0x200, TEXT + 4, NULL },
	{ "cut before the pointer", "6.1", TEXT - 0x200, 0x20f, NULL },
	{ "too long",
	  "123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
	  "123456789012345678901234567890123456789", TEXT - 0x200, KERNEL_BYTES, NULL },
};

static void kernels_tell_their_version(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kernels) / sizeof(*kernels); i++) {
		uint8_t whole[KERNEL_BYTES] = { 0 }, *file = malloc(kernels[i].n);
		char version[KERNEL_VERSION_BYTES] = "";
		bool told;

		memcpy(whole + 0x202, "HdrS", 4);
		whole[0x20e] = (uint8_t)kernels[i].pointer;
		whole[0x20f] = (uint8_t)(kernels[i].pointer >> 8);
		strcpy((char *)whole + TEXT, kernels[i].text);
		memcpy(file, whole, kernels[i].n);
		told = bzimage_version((struct bytes){ file, kernels[i].n }, version);
		if (told != (kernels[i].version != NULL) ||
		    (told && strcmp(version, kernels[i].version) != 0))
			fail_msg("case '%s': '%s'", kernels[i].name, version);
		free(file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(programs_are_static_and_whole),
		UNIT_TEST(kernels_tell_their_version),
	};

	return cmocka_run_group_tests_name("programs", tests, NULL, NULL);
}
