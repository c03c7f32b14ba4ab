/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdlib.h>

#include "init/core/file.h"
#include "modules/verity/superblock.h"

/* Made by veritysetup over 300 blocks of 4096 bytes, with the sizes that it gave the
 * hash files: what it made must fit exactly, and one byte less must not. */
enum { DATA = 300 * 4096, TREE256 = 20480, TREE512 = 28672 };

static void load(const char *name, uint8_t ret[static VERITY_SUPERBLOCK_BYTES])
{
	char path[64], *buf = NULL;
	struct err e = { 0 };
	size_t n = 0;

	snprintf(path, sizeof(path), "tests/data/superblock/%s", name);
	assert_code(file_read(AT_FDCWD, path, VERITY_SUPERBLOCK_BYTES, &buf, &n, &e), &e, ERR_NONE, path);
	assert_int_equal(n, VERITY_SUPERBLOCK_BYTES);
	memcpy(ret, buf, n);
	free(buf);
}

static void reads_what_veritysetup_wrote(void **state)
{
	static const struct { const char *name, *algorithm; unsigned hash_bytes, type, salt; uint64_t tree; } cases[] = {
		{ "sha256", "sha256", 32, 1, 16, TREE256 },
		{ "sha512", "sha512", 64, 1, 16, TREE512 },
		{ "type0", "sha256", 32, 0, 0, TREE256 },
	};
	char text[UUID_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t sb[VERITY_SUPERBLOCK_BYTES];
		struct verity_info v;
		struct err e = { 0 };

		load(cases[i].name, sb);
		assert_code(verity_superblock_parse(sb, sizeof(sb), DATA, cases[i].tree, &v, &e), &e, ERR_NONE,
			    cases[i].name);
		assert_string_equal(v.algorithm, cases[i].algorithm);
		assert_int_equal(v.hash_bytes, cases[i].hash_bytes);
		assert_int_equal(v.hash_type, cases[i].type);
		assert_int_equal(v.salt_bytes, cases[i].salt);
		assert_int_equal(v.n_data_blocks, 300);
		assert_int_equal(v.data_block_bytes, 4096);
		assert_string_equal(uuid_format(&v.uuid, text), "12345678-9abc-def0-1122-334455667788");
	}
}

static const struct change_case {
	const char *name;
	size_t at, n;
	const char *bytes; /* NULL: unchanged */
	size_t sb_bytes;
	uint64_t data, hash;
	enum err_code code;
} changes[] = {
	{ "as it is", 0, 0, "", 512, DATA, TREE256, ERR_NONE },
	{ "larger partitions", 0, 0, "", 512, UINT64_MAX, UINT64_MAX, ERR_NONE },
	{ "tree one byte short", 0, 0, "", 512, DATA, TREE256 - 1, ERR_VERITY_SUPERBLOCK },
	{ "data one byte short", 0, 0, "", 512, DATA - 1, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "no hash partition", 0, 0, "", 512, DATA, 0, ERR_VERITY_SUPERBLOCK },
	{ "cut off", 0, 0, "", 511, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "empty", 0, 0, "", 0, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "magic", 0, 1, "V", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "magic's end", 7, 1, "x", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "version 0", 8, 4, "\0\0\0\0", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "version big-endian", 8, 4, "\0\0\0\1", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "hash type 2", 12, 4, "\2\0\0\0", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "sha1", 32, 7, "sha1\0\0\0", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "upper case", 32, 6, "SHA256", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "text after the name", 39, 1, "x", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "name without an end", 32, 32, "sha256sha256sha256sha256sha256sh", 512, DATA, TREE256,
	  ERR_VERITY_SUPERBLOCK },
	{ "data block 0", 64, 4, "\0\0\0\0", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "data block 256", 64, 4, "\0\1\0\0", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "data block 512", 64, 4, "\0\2\0\0", 512, DATA, TREE256, ERR_NONE },
	{ "data block 3000", 64, 4, "\xb8\x0b\0\0", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "data block 1 MiB", 64, 4, "\0\0\x10\0", 512, UINT64_MAX, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "data block 2 GiB", 64, 4, "\0\0\0\x80", 512, UINT64_MAX, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "hash block 0", 68, 4, "\0\0\0\0", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "hash block 512", 68, 4, "\0\2\0\0", 512, DATA, 512 * (1 + 19 + 2 + 1), ERR_NONE },
	{ "hash block 512, short", 68, 4, "\0\2\0\0", 512, DATA, 512 * (19 + 2 + 1), ERR_VERITY_SUPERBLOCK },
	{ "hash block 512 KiB", 68, 4, "\0\0\x08\0", 512, DATA, 2 * 512 * 1024, ERR_NONE },
	{ "hash block 512 KiB, short", 68, 4, "\0\0\x08\0", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "no data blocks", 72, 8, "\0\0\0\0\0\0\0\0", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "one data block", 72, 8, "\1\0\0\0\0\0\0\0", 512, DATA, 4096, ERR_NONE },
	{ "301 data blocks", 72, 8, "\x2d\1\0\0\0\0\0\0", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	/* times 4096 this is 2^64, so 0 */
	{ "blocks wrap round", 72, 8, "\0\0\0\0\0\0\x10\0", 512, DATA, UINT64_MAX, ERR_VERITY_SUPERBLOCK },
	{ "all the blocks", 72, 8, "\xff\xff\xff\xff\xff\xff\xff\xff", 512, UINT64_MAX, UINT64_MAX,
	  ERR_VERITY_SUPERBLOCK },
	{ "salt 256", 80, 2, "\0\1", 512, DATA, TREE256, ERR_NONE },
	{ "salt 257", 80, 2, "\1\1", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
	{ "salt 65535", 80, 2, "\xff\xff", 512, DATA, TREE256, ERR_VERITY_SUPERBLOCK },
};

static void refuses_what_breaks_the_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		const struct change_case *c = &changes[i];
		uint8_t sb[VERITY_SUPERBLOCK_BYTES];
		struct verity_info v;
		struct err e = { 0 };

		load("sha256", sb);
		memcpy(sb + c->at, c->bytes, c->n);
		assert_code(verity_superblock_parse(sb, c->sb_bytes, c->data, c->hash, &v, &e), &e, c->code,
			    c->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(reads_what_veritysetup_wrote), UNIT_TEST(refuses_what_breaks_the_rules),
	};

	return cmocka_run_group_tests_name("superblock", tests, NULL, NULL);
}
