/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "mkinitrd/pe.h"

enum { HEADER = 64, OPTIONAL = 16, SECTIONS = HEADER + 24 + OPTIONAL, DATA = SECTIONS + 2 * 40 };

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* A program with .linux (8 bytes) and .initrd (8 bytes, 5 of them used). */
static void make(uint8_t ret[static DATA + 16])
{
	memset(ret, 0, DATA + 16);
	memcpy(ret, "MZ", 2);
	put32(ret + 0x3c, HEADER);
	memcpy(ret + HEADER, "PE", 2);
	ret[HEADER + 4 + 2] = 2;
	ret[HEADER + 4 + 16] = OPTIONAL;
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *section = ret + SECTIONS + 40 * i;

		memcpy(section, i ? ".initrd" : ".linux", i ? 7 : 6);
		put32(section + 8, i ? 5 : 8);
		put32(section + 16, 8);
		put32(section + 20, DATA + 8 * i);
	}
	memcpy(ret + DATA, "kkkkkkkkiiiii", 13);
}

static const struct {
	const char *name;
	size_t at; /* where 32 bits are changed, 0 for nothing */
	uint32_t value;
	size_t n;  /* bytes of the file */
	const char *section;
	enum err_code code;
	const char *data; /* NULL if there is no such section */
} cases[] = {
	{ "first", 0, 0, DATA + 16, ".linux", ERR_NONE, "kkkkkkkk" },
	{ "second, without padding", 0, 0, DATA + 16, ".initrd", ERR_NONE, "iiiii" },
	{ "not there", 0, 0, DATA + 16, ".sbat", ERR_NONE, NULL },
	{ "part of a name", 0, 0, DATA + 16, ".init", ERR_NONE, NULL },
	{ "same name twice", SECTIONS + 40, 0x6e696c2e, DATA + 16, ".linux", ERR_NONE, "kkkkkkkk" },
	{ "no magic", 1, 0, DATA + 16, ".linux", ERR_CONFIG, NULL },
	{ "nothing behind the DOS header", 0, 0, HEADER, ".linux", ERR_CONFIG, NULL },
	{ "shorter than a DOS header", 0, 0, HEADER - 1, ".linux", ERR_CONFIG, NULL },
	{ "header far away", 0x3c, 0xffffffff, DATA + 16, ".linux", ERR_CONFIG, NULL },
	{ "header at the end", 0x3c, DATA, DATA + 16, ".linux", ERR_CONFIG, NULL },
	{ "no signature", HEADER, 0, DATA + 16, ".linux", ERR_CONFIG, NULL },
	{ "more sections than room", HEADER + 4, 0x00600000, DATA + 16, ".linux", ERR_CONFIG, NULL },
	{ "too many sections", HEADER + 4, 0x00610000, DATA + 16, ".linux", ERR_CONFIG, NULL },
	{ "long optional header", HEADER + 4 + 16, 0xffff, DATA + 16, ".linux", ERR_CONFIG, NULL },
	{ "cut within the table", 0, 0, DATA - 1, ".linux", ERR_CONFIG, NULL },
	{ "cut within the section", 0, 0, DATA + 15, ".initrd", ERR_CONFIG, NULL },
	{ "cut behind the section", 0, 0, DATA + 15, ".linux", ERR_NONE, "kkkkkkkk" },
	{ "section far away", SECTIONS + 20, 0xffffffff, DATA + 16, ".linux", ERR_CONFIG, NULL },
	{ "section too long", SECTIONS + 16, 0xffffffff, DATA + 16, ".linux", ERR_CONFIG, NULL },
	{ "section used beyond the file", SECTIONS + 8, 0xffffffff, DATA + 16, ".linux", ERR_NONE,
	  "kkkkkkkk" },
};

static void finds_sections(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t whole[DATA + 16], *file = malloc(cases[i].n);
		struct bytes section = { 0 };
		struct err e = { 0 };
		int rc;

		make(whole);
		if (cases[i].at)
			put32(whole + cases[i].at, cases[i].value);
		memcpy(file, whole, cases[i].n);
		rc = pe_section((struct bytes){ file, cases[i].n }, cases[i].section, &section, &e);
		assert_code(rc, &e, cases[i].code, cases[i].name);
		if (rc >= 0 && (rc == 1) != (cases[i].data != NULL))
			fail_msg("case '%s': returned %d", cases[i].name, rc);
		if (rc == 1 && (section.n != strlen(cases[i].data) ||
				memcmp(section.p, cases[i].data, section.n) != 0))
			fail_msg("case '%s': %zu bytes", cases[i].name, section.n);
		free(file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { UNIT_TEST(finds_sections) };

	return cmocka_run_group_tests_name("pe", tests, NULL, NULL);
}
