/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "mkinitrd/archive.h"

#define NONE "00000000"
/* Inode, mode, links, bytes, device that it is, bytes of the name, checksum. */
#define HEAD(magic, inode, mode, links, size, rdevice, name, checksum) \
	magic inode mode NONE NONE links NONE size NONE NONE rdevice name checksum
#define NEWC(mode, size, name) \
	HEAD("070701", "00000001", mode, "00000001", size, NONE NONE, name, NONE)
#define LINKED(inode, links, size, name) \
	HEAD("070701", inode, "000081a4", links, size, NONE NONE, name, NONE)
#define FILE_MODE "000081A4"
#define FOLDER_MODE "000041ED"
#define LINK_MODE "0000A1FF"
#define TRAILER NEWC(NONE, NONE, "0000000B") "TRAILER!!!\0\0\0\0"
#define A_EMPTY NEWC(FILE_MODE, NONE, "00000002") "a\0"
#define A_HELLO NEWC(FILE_MODE, "00000005", "00000002") "a\0" "hello\0\0\0"

struct parse_case {
	const char *name;
	const char *bytes;
	size_t n_bytes;
	enum err_code code;
	size_t n;         /* entries */
	size_t n_unused;  /* bytes at the end that are no archive */
	const char *data; /* of the first entry */
};

#define BYTES(text) .bytes = (text), .n_bytes = sizeof(text) - 1

static const struct parse_case parse_cases[] = {
	{ "nothing", BYTES(""), ERR_NONE },
	{ "zeros", BYTES("\0\0\0"), ERR_NONE },
	{ "no entries", BYTES(TRAILER), ERR_NONE },
	{ "a file", BYTES(A_HELLO TRAILER), ERR_NONE, .n = 1, .data = "hello" },
	{ "small digits", BYTES(NEWC("000081a4", NONE, "00000002") "a\0" TRAILER), ERR_NONE, .n = 1 },
	{ "several, zeros between and behind", BYTES(A_EMPTY TRAILER A_EMPTY TRAILER "\0\0\0\0"
						     A_HELLO TRAILER "\0\0\0\0\0"),
	  ERR_NONE, .n = 3 },
	{ "name filled up", BYTES(NEWC(FILE_MODE, "00000002", "00000006") "a\0\0\0\0\0" "hi\0\0"
				  TRAILER), ERR_NONE, .n = 1, .data = "hi" },
	{ "a device", BYTES(HEAD("070701", "00000001", "00002180", "00000001", NONE,
				 "00000005" "00000001", "00000002", NONE) "a\0" TRAILER),
	  ERR_NONE, .n = 1 },
	{ "a link", BYTES(NEWC(LINK_MODE, "00000003", "00000002") "a\0" "b/c\0" TRAILER),
	  ERR_NONE, .n = 1, .data = "b/c" },
	{ "checksum", BYTES(HEAD("070702", "00000001", FILE_MODE, "00000001", "00000002",
				 NONE NONE, "00000002", "000000d1") "a\0" "hi\0\0" TRAILER),
	  ERR_NONE, .n = 1, .data = "hi" },
	{ "contents with the last name", BYTES(LINKED("00000007", "00000002", NONE, "00000002") "a\0"
		LINKED("00000007", "00000002", "00000003", "00000002") "b\0" "xyz\0" TRAILER),
	  ERR_NONE, .n = 2, .data = "xyz" },
	{ "contents with each name; the last ones count",
	  BYTES(LINKED("00000007", "00000002", "00000001", "00000002") "a\0" "1\0\0\0"
		LINKED("00000007", "00000002", "00000002", "00000002") "b\0" "22\0\0" TRAILER),
	  ERR_NONE, .n = 2, .data = "22" },
	{ "same inode, but one link each",
	  BYTES(LINKED("00000007", "00000001", NONE, "00000002") "a\0"
		LINKED("00000007", "00000001", "00000003", "00000002") "b\0" "xyz\0" TRAILER),
	  ERR_NONE, .n = 2, .data = "" },
	{ "links end with the archive",
	  BYTES(LINKED("00000007", "00000002", NONE, "00000002") "a\0" TRAILER
		LINKED("00000007", "00000002", "00000003", "00000002") "b\0" "xyz\0" TRAILER),
	  ERR_NONE, .n = 2, .data = "" },
	{ "then something else", BYTES(A_EMPTY TRAILER "\0\x28\xb5"), ERR_NONE, .n = 1,
	  .n_unused = 2 },
	{ "an archive where none may start", BYTES(A_EMPTY TRAILER "\0" A_EMPTY TRAILER), ERR_NONE,
	  .n = 1, .n_unused = sizeof(A_EMPTY TRAILER) - 1 },

	{ "no trailer", BYTES(A_HELLO), ERR_CONFIG },
	{ "cut within the header", BYTES("070701" NONE), ERR_CONFIG },
	{ "cut within the name", BYTES(NEWC(FILE_MODE, NONE, "00000009") "a\0"), ERR_CONFIG },
	{ "cut within the contents", BYTES(NEWC(FILE_MODE, "00000005", "00000002") "a\0" "hell"),
	  ERR_CONFIG },
	{ "cut within the padding", BYTES(NEWC(FILE_MODE, "00000005", "00000002") "a\0" "hello\0"),
	  ERR_CONFIG },
	{ "size of all bits", BYTES(NEWC(FILE_MODE, "ffffffff", "00000002") "a\0" TRAILER), ERR_CONFIG },
	{ "padding is not zero", BYTES(NEWC(FILE_MODE, "00000003", "00000002") "a\0" "abcX" TRAILER),
	  ERR_CONFIG },
	{ "other magic", BYTES("070707" A_EMPTY), ERR_CONFIG },
	{ "no hex digit", BYTES(NEWC(FILE_MODE, "0000000g", "00000002") "a\0" TRAILER), ERR_CONFIG },
	{ "sign instead of a digit", BYTES(NEWC(FILE_MODE, "-0000001", "00000002") "a\0" TRAILER),
	  ERR_CONFIG },
	{ "no name", BYTES(NEWC(FILE_MODE, NONE, NONE) "\0\0" TRAILER), ERR_CONFIG },
	{ "empty name", BYTES(NEWC(FILE_MODE, NONE, "00000002") "\0\0" TRAILER), ERR_CONFIG },
	{ "name without end", BYTES(NEWC(FILE_MODE, NONE, "00000002") "ab" TRAILER), ERR_CONFIG },
	{ "name with more behind its end", BYTES(NEWC(FILE_MODE, NONE, "00000006") "a\0b\0\0\0" TRAILER),
	  ERR_CONFIG },
	{ "name longer than the kernel takes", BYTES(NEWC(FILE_MODE, NONE, "00001001") "a\0"),
	  ERR_CONFIG },
	{ "folder with contents", BYTES(NEWC(FOLDER_MODE, "00000001", "00000002") "a\0" "x\0\0\0" TRAILER),
	  ERR_CONFIG },
	{ "link to nothing", BYTES(NEWC(LINK_MODE, NONE, "00000002") "a\0" TRAILER), ERR_CONFIG },
	{ "link with a NUL", BYTES(NEWC(LINK_MODE, "00000003", "00000002") "a\0" "b\0c\0" TRAILER),
	  ERR_CONFIG },
	{ "no type", BYTES(NEWC("000001A4", NONE, "00000002") "a\0" TRAILER), ERR_CONFIG },
	{ "wrong checksum", BYTES(HEAD("070702", "00000001", FILE_MODE, "00000001", "00000002",
				       NONE NONE, "00000002", "000000d2") "a\0" "hi\0\0" TRAILER),
	  ERR_CONFIG },
	{ "trailer with contents", BYTES(NEWC(NONE, "00000001", "0000000B") "TRAILER!!!\0\0\0\0" "x\0\0\0"),
	  ERR_CONFIG },
};

static void parses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parse_cases) / sizeof(*parse_cases); i++) {
		const struct parse_case *c = &parse_cases[i];
		struct archive a = { 0 };
		struct err e = { 0 };
		size_t used = 0;
		/* on the heap, for the sanitizer to see a byte too many */
		uint8_t *copy = memcpy(malloc(c->n_bytes ? c->n_bytes : 1), c->bytes, c->n_bytes);
		int rc;

		rc = archive_parse((struct bytes){ copy, c->n_bytes }, &a, &used, &e);
		assert_code(rc, &e, c->code, c->name);
		if (rc == 0 && (a.n != c->n || used != c->n_bytes - c->n_unused))
			fail_msg("case '%s': %zu entries, %zu bytes", c->name, a.n, used);
		if (c->data && (a.entries[0].data.n != strlen(c->data) ||
				memcmp(a.entries[0].data.p, c->data, strlen(c->data)) != 0))
			fail_msg("case '%s': other contents", c->name);
		archive_done(&a);
		free(copy);
	}
}

static void reads_all_numbers(void **state)
{
	static const char bytes[] = "070701" "00000001" "00002180" "00000003" "00000004" "00000005"
				    "00000006" NONE "00000008" "00000009" "0000000A" "0000000B"
				    "00000002" NONE "a\0" TRAILER;
	struct archive a = { 0 };
	struct archive_entry *entry;
	struct err e = { 0 };
	size_t used;

	(void)state;
	assert_code(archive_parse((struct bytes){ (const uint8_t *)bytes, sizeof(bytes) - 1 }, &a,
				  &used, &e),
		    &e, ERR_NONE, "numbers");
	entry = a.entries;
	assert_string_equal(entry->path, "a");
	assert_int_equal(entry->inode, 1);
	assert_int_equal(entry->mode, S_IFCHR | 0600);
	assert_int_equal(entry->uid, 3);
	assert_int_equal(entry->gid, 4);
	assert_int_equal(entry->n_links, 5);
	assert_int_equal(entry->mtime, 6);
	assert_int_equal(entry->device_major, 8);
	assert_int_equal(entry->device_minor, 9);
	assert_int_equal(entry->major, 10);
	assert_int_equal(entry->minor, 11);
	archive_done(&a);
}

static void starts_of_paths(void **state)
{
	static const char *const cases[][2] = {
		{ "a/b", "a/b" }, { "/a", "a" },   { "./a", "a" },   { ".", "" },
		{ "/", "" },	  { "//./a", "a" }, { "..", ".." },   { "../a", "../a" },
		{ ".a", ".a" },	  { "./..", ".." },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(archive_path(&(struct archive_entry){ .path = cases[i][0] }),
				    cases[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(parses), UNIT_TEST(reads_all_numbers), UNIT_TEST(starts_of_paths),
	};

	return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
