/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/core/file.h"
#include "tests/unit/tree.h"

static const char *const tree[] = {
	"f five 12345", "f empty", "f text  a b \t\n\n", "d dir", "l link five", "l dangling gone", NULL,
};

static char top[32];
static int top_fd;

static int group_begin(void **state)
{
	(void)state;
	tree_make(tree, top);
	top_fd = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return top_fd < 0 ? -1 : 0;
}

static int group_end(void **state)
{
	(void)state;
	close(top_fd);
	tree_remove(top);
	return 0;
}

static const char *in_top(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static void reads_within_the_bound(void **state)
{
	static const struct { const char *name; size_t max; int errnum; const char *content; } cases[] = {
		{ "five", 100, 0, "12345" }, { "five", 5, 0, "12345" }, { "five", 4, EFBIG, NULL },
		{ "five", 0, EFBIG, NULL },  { "empty", 0, 0, "" },	{ "empty", 9, 0, "" },
		{ "gone", 9, ENOENT, NULL }, { "dir", 9, EISDIR, NULL }, { "link", 9, 0, "12345" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err e = { 0 };
		char *text = NULL;
		size_t n = 77;
		int rc = file_read(top_fd, cases[i].name, cases[i].max, &text, &n, &e);

		assert_code(rc, &e, cases[i].content ? ERR_NONE : ERR_SYSTEM, cases[i].name);
		if (cases[i].content) {
			assert_int_equal(n, strlen(cases[i].content));
			assert_memory_equal(text, cases[i].content, n + 1);
		} else {
			assert_int_equal(e.errnum, cases[i].errnum);
			assert_non_null(strstr(e.what, cases[i].name));
			assert_true(!text && n == 77);
		}
		free(text);
	}
}

/* Its size is 0 until it is read, as that of files in /proc and /sys. */
static void read_pipe(size_t n_bytes, size_t max, enum err_code code)
{
	struct err e = { 0 };
	char path[64], *text = NULL, *bytes = malloc(n_bytes);
	size_t n = 0;
	int fds[2], rc;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	memset(bytes, 'p', n_bytes);
	assert_int_equal(write_full(fds[1], bytes, n_bytes), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	close(fds[1]);
	rc = file_read(AT_FDCWD, path, max, &text, &n, &e);
	assert_code(rc, &e, code, path);
	if (code == ERR_NONE) {
		assert_int_equal(n, n_bytes);
		assert_memory_equal(text, bytes, n);
		assert_int_equal(text[n], '\0');
	} else {
		assert_int_equal(e.errnum, EFBIG);
	}
	close(fds[0]);
	free(text);
	free(bytes);
}

static void reads_what_has_no_size(void **state)
{
	struct err e = { 0 };
	char *text = NULL;
	size_t n;

	(void)state;
	read_pipe(4095, 60000, ERR_NONE);
	read_pipe(4096, 60000, ERR_NONE);
	read_pipe(4097, 60000, ERR_NONE);
	read_pipe(20000, 20000, ERR_NONE);
	read_pipe(20001, 20000, ERR_SYSTEM);
	read_pipe(5000, 10, ERR_SYSTEM);
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 65536, &text, &n, &e), 0);
	assert_true(n > 100 && strstr(text, "Pid:"));
	free(text);
}

static void short_texts(void **state)
{
	char text[8], tiny[3];

	(void)state;
	assert_int_equal(file_read_text(in_top("text"), text, sizeof(text)), 4);
	assert_string_equal(text, " a b");
	assert_int_equal(file_read_text(in_top("five"), tiny, sizeof(tiny)), 2);
	assert_string_equal(tiny, "12");
	assert_int_equal(file_read_text(in_top("empty"), text, sizeof(text)), 0);
	assert_string_equal(text, "");
	errno = 0;
	assert_int_equal(file_read_text(in_top("gone"), text, sizeof(text)), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(file_read_text("/proc/sys/kernel/ostype", text, sizeof(text)), 5);
	assert_string_equal(text, "Linux");
}

static void expect(const char *name, mode_t mode, const char *content)
{
	char text[64];
	struct stat st;

	assert_int_equal(stat(in_top(name), &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	assert_int_equal(file_read_text(in_top(name), text, sizeof(text)), strlen(content));
	assert_string_equal(text, content);
}

static void writes_with_its_mode(void **state)
{
	mode_t before = umask(0077);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_write(in_top("new"), 0644, "long text", 9, &e), 0);
	expect("new", 0644, "long text");
	assert_int_equal(file_write(in_top("new"), 01600, "short", 5, &e), 0);
	expect("new", 01600, "short");
	umask(before);
	/* A link could lead it anywhere. */
	assert_int_equal(file_write(in_top("dangling"), 0644, "x", 1, &e), -ERR_SYSTEM);
	assert_int_equal(e.errnum, ELOOP);
	assert_int_equal(access(in_top("gone"), F_OK), -1);
	assert_int_equal(file_write(in_top("gone/x"), 0644, "x", 1, &e), -ERR_SYSTEM);
	assert_int_equal(e.errnum, ENOENT);
}

static void writes_only_what_is_there(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_write(in_top("attribute"), 0644, "0000", 4, &e), 0);
	assert_int_equal(file_write_existing(in_top("attribute"), "12", &e), 0);
	expect("attribute", 0644, "1200"); /* neither made nor cut: it is for /sys */
	assert_int_equal(file_write_existing(in_top("gone"), "x", &e), -ERR_SYSTEM);
	assert_int_equal(e.errnum, ENOENT);
	assert_int_equal(access(in_top("gone"), F_OK), -1);
	assert_int_equal(file_write_existing("/dev/full", "x", &e), -ERR_SYSTEM);
	assert_int_equal(e.errnum, ENOSPC);
}

static void reads_at_an_offset(void **state)
{
	int fd = openat(top_fd, "five", O_RDONLY | O_CLOEXEC);
	struct err e = { 0 };
	char buf[4];

	(void)state;
	assert_int_equal(pread_full(fd, buf, 3, 2, &e), 0);
	assert_memory_equal(buf, "345", 3);
	assert_int_equal(pread_full(fd, buf, 3, 3, &e), -ERR_SYSTEM);
	assert_int_equal(e.errnum, EIO);
	assert_int_equal(pread_full(fd, buf, 1, 1000, &e), -ERR_SYSTEM);
	assert_int_equal(pread_full(fd, buf, 0, 5, &e), 0);
	close(fd);
}

static void makes_directories(void **state)
{
	static const struct { const char *name; int errnum; } cases[] = {
		{ "a", 0 }, { "a", 0 }, { "a/b/c/d", 0 }, { "a/b//e/", 0 }, { "dir/x", 0 },
		{ "five/x", ENOTDIR }, { "dangling/x", ENOENT },
	};
	char longest[300];
	struct err e = { 0 };
	struct stat st;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int rc = make_dirs(in_top(cases[i].name), 0750, &e);

		assert_code(rc, &e, cases[i].errnum ? ERR_SYSTEM : ERR_NONE, cases[i].name);
		if (cases[i].errnum)
			assert_int_equal(e.errnum, cases[i].errnum);
		else
			assert_int_equal(stat(in_top(cases[i].name), &st), 0);
	}
	assert_int_equal(stat(in_top("a/b/c"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0750);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(make_dirs(longest, 0755, &e), -ERR_SYSTEM);
	assert_int_equal(e.errnum, ENAMETOOLONG);
}

static void copies(void **state)
{
	static const struct { const char *from; size_t max; int rc; } cases[] = {
		{ "five", 5, 1 }, { "empty", 5, 1 }, { "gone", 5, 0 }, { "dangling", 5, 0 },
		{ "five", 4, -ERR_SYSTEM }, { "dir", 5, -ERR_SYSTEM },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err e = { 0 };
		char from[256];

		snprintf(from, sizeof(from), "%s/%s", top, cases[i].from);
		assert_int_equal(file_copy(from, in_top("copy"), 0400, cases[i].max, &e), cases[i].rc);
		if (cases[i].rc == 1)
			expect("copy", 0400, strcmp(cases[i].from, "five") == 0 ? "12345" : "");
		assert_int_equal(unlink(in_top("copy")), cases[i].rc == 1 ? 0 : -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(reads_within_the_bound), UNIT_TEST(reads_what_has_no_size),
		UNIT_TEST(short_texts),		   UNIT_TEST(writes_with_its_mode),
		UNIT_TEST(writes_only_what_is_there), UNIT_TEST(reads_at_an_offset),
		UNIT_TEST(makes_directories),	   UNIT_TEST(copies),
	};

	return cmocka_run_group_tests_name("file", tests, group_begin, group_end);
}
