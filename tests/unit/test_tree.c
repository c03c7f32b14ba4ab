/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trees that veritysetup makes: whole they pass, and each flipped bit shows. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "modules/verity/tree.h"

#define SALT "--salt=00112233445566778899aabbccddeeff "

static const struct tree_case {
	const char *name, *options;
	unsigned data_block, hash_block, n_blocks, n_hash_blocks; /* without the superblock's */
} cases[] = {
	{ "one block", "--hash=sha256 " SALT, 4096, 4096, 1, 0 },
	{ "two blocks", "--hash=sha256 " SALT, 4096, 4096, 2, 1 },
	{ "a full level", "--hash=sha256 " SALT, 512, 4096, 128, 1 },
	{ "two levels", "--hash=sha256 " SALT, 4096, 4096, 129, 2 + 1 },
	{ "three levels", "--hash=sha256 " SALT, 512, 512, 257, 17 + 2 + 1 },
	{ "no salt", "--hash=sha256 --salt=- ", 512, 512, 40, 3 + 1 },
	{ "sha384 pads its digests", "--hash=sha384 " SALT, 1024, 512, 70, 9 + 2 + 1 },
	{ "sha512", "--hash=sha512 " SALT, 1024, 4096, 65, 2 + 1 },
	{ "sha512, three levels", "--hash=sha512 --salt=- ", 512, 512, 65, 9 + 2 + 1 },
	{ "large data blocks", "--hash=sha256 " SALT, 4096, 1024, 33, 2 + 1 },
	{ "type 0", "--format=0 --hash=sha256 " SALT, 512, 512, 257, 17 + 2 + 1 },
	{ "type 0, no salt", "--format=0 --hash=sha256 --salt=- ", 1024, 512, 20, 2 + 1 },
	{ "type 0 packs digests", "--format=0 --hash=sha384 " SALT, 512, 512, 70, 9 + 2 + 1 },
};

struct made {
	char data[64], hash[64];
	int data_fd, hash_fd;
	uint8_t root_hash[VERITY_MAX_HASH_BYTES];
	struct verity_info info;
	struct verity_tree tree;
};

static void write_data(const struct tree_case *c, const char *path)
{
	size_t n = (size_t)c->data_block * c->n_blocks;
	SCOPED(mem_free) uint8_t *data = malloc(n);
	struct err e;

	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i ^ i / c->data_block * 7);
	assert_int_equal(file_write(path, 0600, data, n, &e), 0);
}

/* Fills the root hash with what veritysetup prints. */
static void format(const struct tree_case *c, struct made *m)
{
	char command[512], line[256], hex[2 * VERITY_MAX_HASH_BYTES + 1] = "";
	FILE *f;

	snprintf(command, sizeof(command),
		 "PATH=$PATH:/usr/sbin:/sbin veritysetup format %s --data-block-size=%u "
		 "--hash-block-size=%u %s %s", c->options, c->data_block, c->hash_block, m->data, m->hash);
	f = popen(command, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "Root hash: %128s", hex);
	if (pclose(f) != 0 || hex_decode(hex, m->root_hash, sizeof(m->root_hash)) < 0)
		fail_msg("case '%s': veritysetup failed", c->name);
}

static void make(const struct tree_case *c, struct made *m)
{
	uint8_t sb[VERITY_SUPERBLOCK_BYTES];
	struct err e = { 0 };
	struct stat st;

	*m = (struct made){ .data = "/tmp/slipway-data-XXXXXX", .hash = "/tmp/slipway-hash-XXXXXX" };
	m->data_fd = mkostemp(m->data, O_CLOEXEC);
	m->hash_fd = mkostemp(m->hash, O_CLOEXEC);
	write_data(c, m->data);
	format(c, m);
	assert_return_code(fstat(m->hash_fd, &st), errno);
	assert_int_equal(pread_full(m->hash_fd, sb, sizeof(sb), 0, &e), 0);
	assert_code(verity_superblock_parse(sb, sizeof(sb), (uint64_t)c->data_block * c->n_blocks,
					    (uint64_t)st.st_size, &m->info, &e), &e, ERR_NONE, c->name);
	if ((uint64_t)st.st_size < (uint64_t)c->hash_block * c->n_hash_blocks)
		fail_msg("case '%s': the tree has %lld bytes", c->name, (long long)st.st_size);
	m->tree = (struct verity_tree){ .info = &m->info,
					.root_hash = m->root_hash,
					.data_fd = m->data_fd,
					.hash_fd = m->hash_fd };
}

static void drop(struct made *m)
{
	close(m->data_fd);
	close(m->hash_fd);
	unlink(m->data);
	unlink(m->hash);
}

static void flip(int fd, uint64_t at, uint8_t bit)
{
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= bit;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
}

static void expect(const struct tree_case *c, const struct made *m, uint64_t first, uint64_t n,
		   enum err_code code)
{
	struct err e = { 0 };

	assert_code(verity_tree_check(&m->tree, first, n, &e), &e, code, c->name);
}

static void expect_flip_shows(const struct tree_case *c, const struct made *m, int fd, uint64_t at)
{
	flip(fd, at, 0x10);
	expect(c, m, 0, c->n_blocks, ERR_VERITY_CORRUPTED);
	flip(fd, at, 0x10);
}

static void whole_trees_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct tree_case *c = &cases[i];
		SCOPED(drop) struct made m;

		make(c, &m);
		expect(c, &m, 0, c->n_blocks, ERR_NONE);
		for (uint64_t b = 0; b < c->n_blocks; b++) /* nothing kept from the one before */
			expect(c, &m, b, 1, ERR_NONE);
	}
}

static void altered_data_shows_where_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct tree_case *c = &cases[i];
		const uint64_t blocks[] = { 0, c->n_blocks / 2, c->n_blocks - 1 };
		SCOPED(drop) struct made m;

		make(c, &m);
		for (size_t k = 0; k < 3; k++) {
			uint64_t at = blocks[k] * c->data_block + c->data_block - 1;

			flip(m.data_fd, at, 1);
			for (uint64_t b = 0; b < c->n_blocks; b++)
				expect(c, &m, b, 1, b == blocks[k] ? ERR_VERITY_CORRUPTED : ERR_NONE);
			flip(m.data_fd, at, 1);
		}
	}
}

static void altered_tree_shows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct tree_case *c = &cases[i];
		SCOPED(drop) struct made m;

		make(c, &m);
		for (uint64_t b = 1; b <= c->n_hash_blocks; b++) { /* each block of each level */
			expect_flip_shows(c, &m, m.hash_fd, b * c->hash_block);
			expect_flip_shows(c, &m, m.hash_fd, (b + 1) * c->hash_block - 1);
		}
		for (size_t k = 0; k < m.info.hash_bytes; k++) {
			m.root_hash[k] ^= 1;
			expect(c, &m, 0, 1, ERR_VERITY_CORRUPTED);
			m.root_hash[k] ^= 1;
		}
		expect(c, &m, 0, c->n_blocks, ERR_NONE);
	}
}

/* Moves what a file holds from its start to this place, which need be no multiple of anything. */
static void move(int fd, size_t at)
{
	static const uint8_t junk[4096];
	SCOPED(mem_free) uint8_t *p = NULL;
	struct stat st;
	struct err e;

	assert_true(at <= sizeof(junk));
	assert_return_code(fstat(fd, &st), errno);
	p = malloc((size_t)st.st_size);
	assert_int_equal(pread_full(fd, p, (size_t)st.st_size, 0, &e), 0);
	assert_int_equal(pwrite(fd, p, (size_t)st.st_size, (off_t)at), st.st_size);
	assert_int_equal(pwrite(fd, junk, at, 0), at);
}

static void partitions_of_an_image_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct tree_case *c = &cases[i];
		SCOPED(drop) struct made m;

		make(c, &m);
		move(m.data_fd, m.tree.data_at = 1234);
		move(m.hash_fd, m.tree.hash_at = 4321 % 4096);
		expect(c, &m, 0, c->n_blocks, ERR_NONE);
		expect_flip_shows(c, &m, m.data_fd, m.tree.data_at);
		m.tree.data_at--;
		expect(c, &m, 0, c->n_blocks, ERR_VERITY_CORRUPTED);
	}
}

static void cut_off_is_corrupted(void **state)
{
	const struct tree_case *c = &cases[4];
	SCOPED(drop) struct made m;

	(void)state;
	make(c, &m);
	assert_return_code(ftruncate(m.data_fd, 256 * 512 + 511), errno);
	expect(c, &m, 255, 1, ERR_NONE);
	expect(c, &m, 256, 1, ERR_VERITY_CORRUPTED);
	assert_return_code(ftruncate(m.hash_fd, 512), errno);
	expect(c, &m, 0, 1, ERR_VERITY_CORRUPTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(whole_trees_pass), UNIT_TEST(altered_data_shows_where_it_is),
		UNIT_TEST(altered_tree_shows), UNIT_TEST(partitions_of_an_image_pass),
		UNIT_TEST(cut_off_is_corrupted),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
