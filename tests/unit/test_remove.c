/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>

#include "modules/handover/remove.h"
#include "tests/unit/tree.h"

static int remove_at(const char *root, const char *name)
{
	char path[64];
	int fd, rc;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	rc = remove_content(fd);
	close(fd);
	return rc;
}

static bool exists(const char *root, const char *name)
{
	char path[1024];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return lstat(path, &st) == 0;
}

static void links_are_not_followed(void **state)
{
	static const char *const lines[] = {
		"f keep/file x", "f old/a/b/c x", "f old/f x", "d old/empty",
		"l old/a/out ../../keep", "l old/out ../keep", "l old/file ../keep/file",
		"l old/dangling nowhere", NULL,
	};
	char root[32], path[64];

	(void)state;
	tree_make(lines, root);
	assert_int_equal(remove_at(root, "old"), 0);
	assert_true(exists(root, "keep/file"));
	snprintf(path, sizeof(path), "%s/old", root);
	assert_int_equal(rmdir(path), 0);
	tree_remove(root);
}

static void many_files(void **state)
{
	static const char *const lines[] = { "d old", NULL };
	char root[32], line[64], path[64];

	(void)state;
	tree_make(lines, root);
	for (int i = 0; i < 3000; i++) {
		snprintf(line, sizeof(line), "f old/d%d/f%d", i % 7, i);
		tree_line(root, line);
	}
	assert_int_equal(remove_at(root, "old"), 0);
	snprintf(path, sizeof(path), "%s/old", root);
	assert_int_equal(rmdir(path), 0);
	tree_remove(root);
}

/* Makes n nested directories "d" in "old". */
static void nest(const char *root, int n)
{
	char line[512] = "d old";

	while (n--)
		strcat(line, "/d");
	tree_line(root, line);
}

static void depth_is_bounded(void **state)
{
	static const char *const lines[] = { "f old/z x", NULL };
	char root[32];

	(void)state;
	tree_make(lines, root);
	nest(root, 63);
	assert_int_equal(remove_at(root, "old"), 0);
	assert_false(exists(root, "old/d"));
	tree_add(root, lines);
	nest(root, 70);
	errno = 0;
	assert_int_equal(remove_at(root, "old"), -1);
	assert_int_equal(errno, ELOOP);
	/* The rest went all the same. */
	assert_false(exists(root, "old/z"));
	tree_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(links_are_not_followed),
		UNIT_TEST(many_files),
		UNIT_TEST(depth_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
