/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <elf.h>
#include <stdlib.h>

#include "mkinitrd/elf.h"

/* A file with the sections "", ".names" (the names) and ".modinfo". */
struct file {
	Elf64_Ehdr head;
	char names[20];
	char info[28];
	Elf64_Shdr table[3];
};

static const struct file good = {
	.head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB },
		  .e_shoff = offsetof(struct file, table), .e_shentsize = sizeof(Elf64_Shdr),
		  .e_shnum = 3, .e_shstrndx = 1 },
	.names = "\0.names\0.modinfo\0\0",
	.info = "license=GPL v2\0version=1.0\0",
	.table = {
		{ 0 },
		{ .sh_name = 1, .sh_type = SHT_STRTAB, .sh_offset = offsetof(struct file, names),
		  .sh_size = 20 },
		{ .sh_name = 8, .sh_type = SHT_PROGBITS, .sh_offset = offsetof(struct file, info),
		  .sh_size = 27 },
	},
};

#define AT(member) offsetof(struct file, member)

/* One field gets another value, or the file is cut. */
struct damage {
	const char *name;
	size_t offset, n_bytes;
	uint64_t value;
	size_t size;
};

static const struct damage damages[] = {
	{ .name = "cut in the header", .size = sizeof(Elf64_Ehdr) - 1 },
	{ .name = "cut in the table", .size = sizeof(struct file) - 1 },
	{ .name = "empty", .size = 1 },
	{ "no ELF", AT(head.e_ident), 1, 0x7e, 0 },
	{ "32 bits", AT(head.e_ident) + EI_CLASS, 1, ELFCLASS32, 0 },
	{ "big-endian", AT(head.e_ident) + EI_DATA, 1, ELFDATA2MSB, 0 },
	{ "headers of another size", AT(head.e_shentsize), 2, 40, 0 },
	{ "more sections than there are", AT(head.e_shnum), 2, 4, 0 },
	{ "no section", AT(head.e_shnum), 2, 0, 0 },
	{ "names in no section", AT(head.e_shstrndx), 2, 3, 0 },
	{ "table behind the end", AT(head.e_shoff), 8, sizeof(struct file), 0 },
	{ "table that wraps around", AT(head.e_shoff), 8, UINT64_MAX - 8, 0 },
	{ "name behind the names", AT(table[2].sh_name), 4, 21, 0 },
	{ "name without an end", AT(table[1].sh_size), 8, 16, 0 },
	{ "names behind the end", AT(table[1].sh_size), 8, sizeof(struct file), 0 },
	{ "contents behind the end", AT(table[2].sh_offset), 8, sizeof(struct file) - 26, 0 },
	{ "contents that wrap around", AT(table[2].sh_size), 8, UINT64_MAX, 0 },
	{ "contents that are not in the file", AT(table[2].sh_type), 4, SHT_NOBITS, 0 },
	{ "another name", AT(names) + 9, 1, 'n', 0 },
};

static void sections(void **state)
{
	struct bytes got;

	(void)state;
	assert_true(elf_section((const uint8_t *)&good, sizeof(good), ".modinfo", &got));
	assert_int_equal(got.n, 27);
	assert_ptr_equal(got.p, good.info);
	assert_false(elf_section((const uint8_t *)&good, sizeof(good), ".mod", &got));
	assert_false(elf_section((const uint8_t *)&good, sizeof(good), ".modinfo2", &got));
	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		const struct damage *d = &damages[i];
		size_t size = d->size ? d->size : sizeof(good);
		uint8_t *copy = malloc(sizeof(good)); /* exact, for ASan */

		assert_non_null(copy);
		memcpy(copy, &good, sizeof(good));
		memcpy(copy + d->offset, &d->value, d->n_bytes);
		copy = realloc(copy, size);
		assert_non_null(copy);
		if (elf_section(copy, size, ".modinfo", &got))
			fail_msg("case '%s': a section was found", d->name);
		free(copy);
	}
}

#define BYTES(text) { (const uint8_t *)(text), sizeof(text) - 1 }

static const struct {
	const char *name;
	struct bytes info;
	const char *value;
} infos[] = {
	{ "alone", BYTES("license=GPL\0"), "GPL" },
	{ "first of two", BYTES("license=GPL\0license=MIT\0"), "GPL" },
	{ "behind others", BYTES("a=b\0\0\0licenses=x\0license=GPL\0"), "GPL" },
	{ "empty value", BYTES("license=\0"), "" },
	{ "none", BYTES("name=x\0"), NULL },
	{ "nothing", BYTES(""), NULL },
	{ "key alone", BYTES("license\0"), NULL },
	{ "no NUL", BYTES("license=GPL"), NULL },
};

static void modinfo(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(infos) / sizeof(*infos); i++) {
		const char *got = elf_modinfo(infos[i].info, "license");

		if (!got != !infos[i].value || (got && strcmp(got, infos[i].value) != 0))
			fail_msg("case '%s': got %s", infos[i].name, got ? got : "nothing");
	}
}

#define NOTE(owner_bytes, text_bytes, type, owner, text) \
	BYTES(owner_bytes "\0\0\0" text_bytes "\0\0\0" type owner text)
#define PACKAGE "\x7e\x1a\xfe\xca"

static const struct {
	const char *name;
	struct bytes section;
	const char *text;
} notes[] = {
	{ "padded", NOTE("\4", "\4", PACKAGE, "FDO\0", "{}\0\0"), "{}" },
	{ "to the last byte", NOTE("\4", "\2", PACKAGE, "FDO\0", "{}"), "{}" },
	{ "other owner", NOTE("\4", "\4", PACKAGE, "GNU\0", "{}\0\0"), NULL },
	{ "longer owner", NOTE("\5", "\4", PACKAGE, "FDO\0", "{}\0\0"), NULL },
	{ "other type", NOTE("\4", "\4", "\1\0\0\0", "FDO\0", "{}\0\0"), NULL },
	{ "longer than the section", NOTE("\4", "\5", PACKAGE, "FDO\0", "{}\0\0"), NULL },
	{ "empty", NOTE("\4", "\0", PACKAGE, "FDO\0", ""), NULL },
	{ "cut", BYTES("\4\0\0\0\0\0\0\0" PACKAGE "FDO"), NULL },
	{ "nothing", BYTES(""), NULL },
};

static void package_notes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++) {
		struct bytes got;
		bool found = elf_package_note(notes[i].section, &got);

		if (found != !!notes[i].text || (found && (got.n != strlen(notes[i].text) ||
							   memcmp(got.p, notes[i].text, got.n) != 0)))
			fail_msg("case '%s': %s", notes[i].name, found ? "found" : "not found");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(sections),
		UNIT_TEST(modinfo),
		UNIT_TEST(package_notes),
	};

	return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
