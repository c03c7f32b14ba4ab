/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <sys/stat.h>

#include "mkinitrd/cpio.h"
#include "mkinitrd/initrd.h"
#include "mkinitrd/output.h"

#define NONE "00000000"
/* Magic, inode, mode, owners, links, mtime, size, device, the device that it is, bytes of
 * the name, checksum. */
#define HEADER(inode, mode, links, mtime, size, rdevice, name) \
	"070701" inode mode NONE NONE links mtime size NONE NONE rdevice name NONE
#define NO_DEVICE NONE NONE
#define TRAILER \
	HEADER(NONE, NONE, "00000001", NONE, NONE, NO_DEVICE, "0000000B") "TRAILER!!!\0\0\0\0"

struct exact_case {
	const char *name;
	struct cpio_entry entries[3];
	size_t n;
	uint32_t mtime;
	const char *bytes;
	size_t n_bytes;
};

#define BYTES(text) .bytes = (text), .n_bytes = sizeof(text) - 1
#define ENTRY(path_, mode_, ...) { .path = (char *)(path_), .mode = (mode_), __VA_ARGS__ }
#define DATA(text) .data = (char *)(text), .n_data = sizeof(text) - 1

static const struct exact_case exact_cases[] = {
	{ .name = "nothing", .n = 0, .mtime = 7, BYTES(TRAILER) },
	{ .name = "folder", .n = 1, .entries = { ENTRY("dev", S_IFDIR | 0755) },
	  BYTES(HEADER("00000001", "000041ED", "00000002", NONE, NONE, NO_DEVICE, "00000004")
		"dev\0\0\0" TRAILER) },
	{ .name = "file with padding of both kinds", .n = 1, .mtime = 0x12345678,
	  .entries = { ENTRY("init", S_IFREG | 0755, DATA("hello")) },
	  BYTES(HEADER("00000001", "000081ED", "00000001", "12345678", "00000005", NO_DEVICE,
		       "00000005")
		"init\0\0" "hello\0\0\0" TRAILER) },
	{ .name = "no padding needed", .n = 1,
	  .entries = { ENTRY("a", S_IFREG | 0644, DATA("1234")) },
	  BYTES(HEADER("00000001", "000081A4", "00000001", NONE, "00000004", NO_DEVICE, "00000002")
		"a\0" "1234" TRAILER) },
	{ .name = "empty file", .n = 1, .entries = { ENTRY("a", S_IFREG | 0644) },
	  BYTES(HEADER("00000001", "000081A4", "00000001", NONE, NONE, NO_DEVICE, "00000002")
		"a\0" TRAILER) },
	{ .name = "console, then link; inodes count", .n = 2,
	  .entries = { ENTRY("console", S_IFCHR | 0600, .major = 5, .minor = 1),
		       ENTRY("lib", S_IFLNK | 0777, DATA("usr/lib")) },
	  BYTES(HEADER("00000001", "00002180", "00000001", NONE, NONE, "00000005" "00000001",
		       "00000008")
		"console\0\0\0"
		HEADER("00000002", "0000A1FF", "00000001", NONE, "00000007", NO_DEVICE, "00000004")
		"lib\0\0\0" "usr/lib\0" TRAILER) },
};

static void exact_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(exact_cases) / sizeof(*exact_cases); i++) {
		const struct exact_case *c = &exact_cases[i];
		struct buffer out = { 0 };
		struct err e = { 0 };
		int rc = cpio_write(c->entries, c->n, c->mtime, buffer_append, &out, &e);

		assert_code(rc, &e, ERR_NONE, c->name);
		if (out.n != c->n_bytes || memcmp(out.p, c->bytes, out.n) != 0)
			fail_msg("case '%s': %zu bytes, expected %zu: %.*s", c->name, out.n,
				 c->n_bytes, (int)out.n, out.p);
		buffer_done(&out);
	}
}

static char long_path[4097]; /* filled in main: 4096 bytes and a NUL */

static const struct {
	const char *name;
	struct cpio_entry entries[2];
	size_t n;
} refused_cases[] = {
	{ "same path twice", { ENTRY("a", S_IFDIR | 0755), ENTRY("a", S_IFDIR | 0755) }, 2 },
	{ "child before parent", { ENTRY("a/b", S_IFREG | 0644), ENTRY("a", S_IFDIR | 0755) }, 2 },
	{ "order by locale", { ENTRY("a", S_IFREG | 0644), ENTRY("B", S_IFREG | 0644) }, 2 },
	{ "empty path", { ENTRY("", S_IFREG | 0644) }, 1 },
	{ "absolute path", { ENTRY("/init", S_IFREG | 0755) }, 1 },
	{ "longer than the kernel takes", { ENTRY(long_path, S_IFREG | 0644) }, 1 },
	{ "link to nothing", { ENTRY("l", S_IFLNK | 0777) }, 1 },
	{ "size over 32 bits",
	  { ENTRY("f", S_IFREG | 0644, .n_data = (size_t)UINT32_MAX + 1) }, 1 },
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused_cases) / sizeof(*refused_cases); i++) {
		struct buffer out = { 0 };
		struct err e = { 0 };
		int rc = cpio_write(refused_cases[i].entries, refused_cases[i].n, 0, buffer_append,
				    &out, &e);

		assert_code(rc, &e, ERR_CONFIG, refused_cases[i].name);
		buffer_done(&out);
	}
}

/* Takes a number of pieces, then fails. */
static int full_sink(void *arg, const void *p, size_t n, struct err *e)
{
	unsigned *left = arg;

	(void)p, (void)n;
	return (*left)-- ? 0 : err_set(e, ERR_SYSTEM, 0, "full");
}

static void sink_errors_end_it(void **state)
{
	static const struct cpio_entry entry = ENTRY("init", S_IFREG | 0755, DATA("hello"));

	(void)state;
	/* header, name, padding, data, padding; header, name, padding of the trailer */
	for (unsigned taken = 0; taken <= 8; taken++) {
		unsigned left = taken;
		struct err e = { 0 };
		int rc = cpio_write(&entry, 1, 0, full_sink, &left, &e);

		assert_code(rc, &e, taken < 8 ? ERR_SYSTEM : ERR_NONE, "a full disk");
	}
}

static const struct {
	const char *path;
	enum err_code code;
} path_cases[] = {
	{ "usr/lib/x", ERR_NONE },
	{ "/usr/lib/x", ERR_NONE },
	{ "usr/..x", ERR_NONE },
	{ "folder/below", ERR_NONE },
	{ "", ERR_CONFIG },
	{ "/", ERR_CONFIG },
	{ "usr/", ERR_CONFIG },
	{ "usr//x", ERR_CONFIG },
	{ "./x", ERR_CONFIG },
	{ "usr/../etc", ERR_CONFIG },
	{ "a\nb", ERR_CONFIG },
	{ "file", ERR_CONFIG /* packed already */ },
	{ "file/below", ERR_CONFIG },
	{ "link/below", ERR_CONFIG },
};

static void paths_of_the_initrd(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(path_cases) / sizeof(*path_cases); i++) {
		struct initrd list = { 0 };
		struct err e = { 0 };

		assert_int_equal(initrd_add_text(&list, "file", "x", "test", &e), 0);
		assert_int_equal(initrd_add_link(&list, "link", "file", "test", &e), 0);
		assert_int_equal(initrd_add_folder(&list, "folder", "test", &e), 0);
		assert_code(initrd_add_text(&list, path_cases[i].path, "y", "test", &e), &e,
			    path_cases[i].code, path_cases[i].path);
		initrd_done(&list);
	}
}

static void parents_come_by_themselves(void **state)
{
	static const char *const expected[] = { "a", "a-b", "a/b", "a/b/c" };
	struct initrd list = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(initrd_add_text(&list, "/a/b/c", "x", "test", &e), 0);
	assert_int_equal(initrd_add_folder(&list, "a/b", "test", &e), 0);
	assert_int_equal(initrd_add_text(&list, "a-b", "x", "test", &e), 0);
	initrd_sort(&list);
	assert_int_equal(list.n, sizeof(expected) / sizeof(*expected));
	for (size_t i = 0; i < list.n; i++)
		assert_string_equal(list.entries[i].path, expected[i]);
	assert_int_equal(list.entries[0].mode, S_IFDIR | 0755);
	initrd_done(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(exact_bytes), UNIT_TEST(refuses), UNIT_TEST(sink_errors_end_it),
		UNIT_TEST(paths_of_the_initrd), UNIT_TEST(parents_come_by_themselves),
	};

	memset(long_path, 'x', sizeof(long_path) - 1);
	return cmocka_run_group_tests_name("cpio", tests, NULL, NULL);
}
