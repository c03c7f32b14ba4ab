/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "mkinitrd/pe.h"

/* DOS header, PE header, an optional header with six directories, four sections. */
enum {
	PE = 64,
	OPTIONAL = PE + 24,
	DIRECTORIES = OPTIONAL + 112,
	TABLE = DIRECTORIES + 6 * 8,
	N_SECTIONS = 4,
	HEADERS = TABLE + N_SECTIONS * 40 + 8, /* some bytes unused */
	SIGNATURES = 16,
	FILE_BYTES = HEADERS + 8 + 8 + 4 + 4 + 5 + SIGNATURES, /* five bytes of nobody */
};

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void put_section(uint8_t *file, unsigned i, const char *name, uint32_t used, uint32_t raw,
			uint32_t at)
{
	uint8_t *s = file + TABLE + 40 * i;

	memcpy(s, name, strlen(name));
	put32(s + 8, used);
	put32(s + 16, raw);
	put32(s + 20, at);
}

/* Sections out of the order of the table; .bss has no bytes in the file. */
static void make(uint8_t ret[static FILE_BYTES])
{
	memset(ret, 0, FILE_BYTES);
	memcpy(ret, "MZ", 2);
	put32(ret + 0x3c, PE);
	memcpy(ret + PE, "PE", 2);
	ret[PE + 6] = N_SECTIONS;
	ret[PE + 20] = TABLE - OPTIONAL;
	put32(ret + OPTIONAL, 0x20b);
	put32(ret + OPTIONAL + 60, HEADERS);
	put32(ret + OPTIONAL + 64, 0x5e5e5e5e);
	ret[OPTIONAL + 108] = 6;
	put32(ret + DIRECTORIES + 4 * 8, FILE_BYTES - SIGNATURES);
	put32(ret + DIRECTORIES + 4 * 8 + 4, SIGNATURES);
	put_section(ret, 0, ".linux", 8, 8, HEADERS + 8);
	put_section(ret, 1, ".initrd", 5, 8, HEADERS);
	put_section(ret, 2, ".bss", 4096, 0, 0);
	put_section(ret, 3, "eightchr", 4, 8, HEADERS + 16);
	memcpy(ret + HEADERS, "iiiii\0\0\0kkkkkkkkeeeeEEEEtail.", 29);
	memset(ret + FILE_BYTES - SIGNATURES, 's', SIGNATURES);
}

static const struct {
	const char *name;
	size_t at; /* where 32 bits are changed, 0 for nothing */
	uint32_t value;
	size_t n;
	const char *section;
	enum err_code code;
	const char *data; /* NULL if there is no such section */
} cases[] = {
	{ "first", 0, 0, FILE_BYTES, ".linux", ERR_NONE, "kkkkkkkk" },
	{ "second, without padding", 0, 0, FILE_BYTES, ".initrd", ERR_NONE, "iiiii" },
	{ "eight characters", 0, 0, FILE_BYTES, "eightchr", ERR_NONE, "eeee" },
	{ "without bytes", 0, 0, FILE_BYTES, ".bss", ERR_NONE, "" },
	{ "not there", 0, 0, FILE_BYTES, ".sbat", ERR_NONE, NULL },
	{ "part of a name", 0, 0, FILE_BYTES, ".init", ERR_NONE, NULL },
	{ "same name twice", TABLE + 40, 0x6e696c2e, FILE_BYTES, ".linux", ERR_NONE, "kkkkkkkk" },
	{ "no magic", 1, 0, FILE_BYTES, ".linux", ERR_CONFIG, NULL },
	{ "nothing behind the DOS header", 0, 0, PE, ".linux", ERR_CONFIG, NULL },
	{ "shorter than a DOS header", 0, 0, PE - 1, ".linux", ERR_CONFIG, NULL },
	{ "empty", 0, 0, 0, ".linux", ERR_CONFIG, NULL },
	{ "header far away", 0x3c, 0xffffffff, FILE_BYTES, ".linux", ERR_CONFIG, NULL },
	{ "header at the end", 0x3c, FILE_BYTES - 8, FILE_BYTES, ".linux", ERR_CONFIG, NULL },
	{ "no signature", PE, 0, FILE_BYTES, ".linux", ERR_CONFIG, NULL },
	{ "too many sections", PE + 4, 0x00410000, FILE_BYTES, ".linux", ERR_CONFIG, NULL },
	{ "more sections than room", PE + 4, 0x00100000, FILE_BYTES, ".linux", ERR_CONFIG, NULL },
	{ "no optional header", PE + 20, 0, FILE_BYTES, ".linux", ERR_CONFIG, NULL },
	{ "long optional header", PE + 20, 0xffff, FILE_BYTES, ".linux", ERR_CONFIG, NULL },
	{ "short optional header", PE + 20, 96, FILE_BYTES, ".linux", ERR_CONFIG, NULL },
	{ "another optional header", OPTIONAL, 0x107, FILE_BYTES, ".linux", ERR_CONFIG, NULL },
	{ "headers longer than the file", OPTIONAL + 60, FILE_BYTES + 1, FILE_BYTES, ".linux",
	  ERR_CONFIG, NULL },
	{ "headers without the table", OPTIONAL + 60, TABLE, FILE_BYTES, ".linux", ERR_CONFIG, NULL },
	{ "signatures longer than the file", DIRECTORIES + 36, FILE_BYTES, FILE_BYTES, ".linux",
	  ERR_CONFIG, NULL },
	{ "no directory for signatures", OPTIONAL + 108, 4, FILE_BYTES, ".linux", ERR_NONE, "kkkkkkkk" },
	{ "cut within the table", 0, 0, HEADERS - 9, ".linux", ERR_CONFIG, NULL },
	{ "cut within a section", 0, 0, HEADERS + 23, ".linux", ERR_CONFIG, NULL },
	{ "cut behind the sections", 0, 0, HEADERS + 24, ".linux", ERR_NONE, "kkkkkkkk" },
	{ "section far away", TABLE + 20, 0xffffffff, FILE_BYTES, ".linux", ERR_CONFIG, NULL },
	{ "section too long", TABLE + 16, 0xffffffff, FILE_BYTES, ".linux", ERR_CONFIG, NULL },
	{ "section used beyond the file", TABLE + 8, 0xffffffff, FILE_BYTES, ".linux", ERR_NONE,
	  "kkkkkkkk" },
};

static void finds_sections(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t whole[FILE_BYTES], *file = malloc(cases[i].n);
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

/* What is measured must be in the file in full. */
static void content_is_what_memory_has(void **state)
{
	uint8_t file[FILE_BYTES];
	struct bytes content;
	struct err e = { 0 };
	struct pe pe;

	(void)state;
	make(file);
	assert_code(pe_parse(file, sizeof(file), &pe, &e), &e, ERR_NONE, "parse");
	assert_code(pe_content(&pe, pe_find(&pe, ".initrd"), &content, &e), &e, ERR_NONE, ".initrd");
	assert_int_equal(content.n, 5);
	assert_code(pe_content(&pe, pe_find(&pe, ".bss"), &content, &e), &e, ERR_CONFIG, ".bss");
}

/* Everything but the checksum, the entry of the signatures and these; in the file's order. */
static void authenticode_leaves_out_what_signing_changes(void **state)
{
	static const struct { size_t at, n; } expected[] = {
		{ 0, OPTIONAL + 64 },
		{ OPTIONAL + 68, DIRECTORIES + 32 - (OPTIONAL + 68) },
		{ DIRECTORIES + 40, HEADERS - (DIRECTORIES + 40) },
		{ HEADERS, 8 },
		{ HEADERS + 8, 8 },
		{ HEADERS + 16, 8 },
		{ HEADERS + 24, 5 },
	};
	struct bytes got[PE_MAX_RANGES];
	uint8_t file[FILE_BYTES];
	struct err e = { 0 };
	struct pe pe;

	(void)state;
	make(file);
	assert_code(pe_parse(file, sizeof(file), &pe, &e), &e, ERR_NONE, "parse");
	assert_int_equal(pe_authenticode(&pe, got), sizeof(expected) / sizeof(*expected));
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		assert_int_equal(got[i].p - file, expected[i].at);
		assert_int_equal(got[i].n, expected[i].n);
	}
}

/* Names of sections, and for each looked-up name the index that is found, or -1. */
static const struct {
	const char *sections[5];
	int linux_, cmdline, profile;
} profiles[] = {
	{ { ".linux", ".cmdline" }, 0, 1, -1 },
	{ { ".linux", ".cmdline", ".profile" }, 0, 1, 2 },
	{ { ".linux", ".cmdline", ".profile", ".cmdline" }, 0, 3, 2 },
	{ { ".linux", ".profile", ".profile", ".cmdline" }, 0, -1, 1 },
	{ { ".cmdline", ".profile", ".linux", ".profile", ".cmdline" }, 2, 0, 1 },
	{ { ".sbat" }, -1, -1, -1 },
};

static void profile_0_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(profiles) / sizeof(*profiles); i++) {
		const int expected[] = { profiles[i].linux_, profiles[i].cmdline, profiles[i].profile };
		static const char *const names[] = { ".linux", ".cmdline", ".profile" };
		struct pe pe = { 0 };

		while (pe.n_sections < 5 && profiles[i].sections[pe.n_sections]) {
			strcpy(pe.sections[pe.n_sections].name, profiles[i].sections[pe.n_sections]);
			pe.n_sections++;
		}
		for (size_t k = 0; k < 3; k++) {
			const struct pe_section *s = pe_find_default(&pe, names[k]);

			if ((s ? s - pe.sections : -1) != expected[k])
				fail_msg("case %zu: %s is at %d", i, names[k],
					 s ? (int)(s - pe.sections) : -1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(finds_sections),
		UNIT_TEST(content_is_what_memory_has),
		UNIT_TEST(authenticode_leaves_out_what_signing_changes),
		UNIT_TEST(profile_0_counts),
	};

	return cmocka_run_group_tests_name("pe", tests, NULL, NULL);
}
