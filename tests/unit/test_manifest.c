/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "modules/inputs/manifest.h"
#include "modules/inputs/unpacked.h"
#include "tests/unit/tree.h"

#define HEAD "# slipway-mkinitrd manifest 1 time=0\n# mode\tbytes\tsha256\tpath\twhy\n"
#define HELLO "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" /* of "hello" */
#define HOLE "ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7" /* of 4096 NUL */

/* Each line is the first one of a manifest. */
static const struct {
	const char *name, *line;
	enum err_code code;
	const char *path; /* of the entry; NULL: there is none */
	uint64_t bytes;
} lines[] = {
	{ "file", "100644\t5\t" HELLO "\t/a b\twhy\n", ERR_NONE, "/a b", 5 },
	{ "folder", "040755\t0\t-\t/etc\twhy\n", ERR_NONE, "/etc", 0 },
	{ "link", "120777\t5\t" HELLO "\t/lib\twhy not\n", ERR_NONE, "/lib", 5 },
	{ "device", "020600\t5:1\t-\t/dev/console\t\n", ERR_NONE, "/dev/console", 0 },
	{ "largest", "100644\t9223372036854775807\t-\t/a\twhy\n", ERR_NONE, "/a", INT64_MAX },
	{ "comment", "# 100644\n", ERR_NONE, NULL, 0 },
	{ "nothing", "", ERR_NONE, NULL, 0 },
	{ "empty line", "\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "cut off", "100644\t5\t" HELLO "\t/a\twh", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "no reason", "100644\t5\t" HELLO "\t/a\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "no type", "000644\t5\t" HELLO "\t/a\twhy\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "pipe", "010644\t0\t-\t/a\twhy\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "short mode", "10644\t5\t" HELLO "\t/a\twhy\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "no octal digit", "100648\t5\t" HELLO "\t/a\twhy\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "sign", "100644\t+5\t" HELLO "\t/a\twhy\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "no size", "100644\t\t" HELLO "\t/a\twhy\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "over the largest", "100644\t9223372036854775808\t-\t/a\twhy\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "far over it", "100644\t99999999999999999999\t-\t/a\twhy\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "device without minor", "020600\t5\t-\t/a\twhy\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "device's number too large", "020600\t5:4294967296\t-\t/a\twhy\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "short digest", "100644\t5\t2cf2\t/a\twhy\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "no hex", "100644\t5\tx" HELLO "\t/a\twhy\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "relative", "100644\t5\t" HELLO "\ta\twhy\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "the root", "040755\t0\t-\t/\twhy\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
	{ "spaces", "100644 5 - /a why\n", ERR_INITRD_INCOMPLETE, NULL, 0 },
};

static void reads_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		const char *name = lines[i].name;
		struct manifest_entry entry;
		struct manifest m;
		struct err e = { 0 };
		char text[512];
		int rc;

		snprintf(text, sizeof(text), HEAD "%s", lines[i].line);
		assert_code(manifest_begin(text, strlen(text), &m, &e), &e, ERR_NONE, name);
		rc = manifest_next(&m, &entry, &e);
		assert_code(rc, &e, lines[i].code, name);
		if (rc < 0 && !strstr(e.what, "line 3"))
			fail_msg("case '%s': says %s", name, e.what);
		if (rc >= 0 && (rc != !!lines[i].path ||
				(rc && (strcmp(entry.path, lines[i].path) || entry.bytes != lines[i].bytes))))
			fail_msg("case '%s': rc %d", name, rc);
		if (rc == 1)
			assert_int_equal(manifest_next(&m, &entry, &e), 0);
	}
}

static void knows_its_versions(void **state)
{
	static const struct { const char *name, *text; enum err_code code; } cases[] = {
		{ "ours", "# slipway-mkinitrd manifest 1 time=5\n", ERR_NONE },
		{ "more words", "# slipway-mkinitrd manifest 1 a b\n", ERR_NONE },
		{ "empty", "", ERR_INITRD_INCOMPLETE },
		{ "half", "# slipway-mkinitrd manifest 1 time=5", ERR_INITRD_INCOMPLETE },
		{ "later", "# slipway-mkinitrd manifest 2 time=5\n", ERR_INITRD_INCOMPLETE },
		{ "much later", "# slipway-mkinitrd manifest 10 time=5\n", ERR_INITRD_INCOMPLETE },
		{ "another", "# mode\tbytes\tsha256\tpath\twhy\n", ERR_INITRD_INCOMPLETE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct manifest m;
		struct err e = { 0 };

		assert_code(manifest_begin(cases[i].text, strlen(cases[i].text), &m, &e), &e,
			    cases[i].code, cases[i].name);
	}
}

static const char *const tree[] = {
	"d dev", "f etc/a hello", "l lib usr/lib", "d sysroot", "x usr/lib/b hello", "d usr/lib/z", NULL,
};

#define FIRST "040755\t0\t-\t/dev\t\n020600\t5:1\t-\t/dev/console\t\n100644\t5\t" HELLO "\t/etc/a\t\n"
#define LAST "100755\t5\t" HELLO "\t/usr/lib/b\t\n"

static const struct {
	const char *name, *entries;
	enum err_code code;
	const char *says;
} checks[] = {
	{ "all", FIRST "120777\t7\t-\t/lib\t\n040755\t0\t-\t/sysroot\t\n" LAST "040755\t0\t-\t/usr/lib/z\t\n", ERR_NONE, "" },
	{ "nothing", "", ERR_NONE, "" },
	{ "mounted over", "100644\t1\t-\t/run/x\t\n100644\t1\t-\t/sys/x\t\n100644\t1\t-\t/proc/x\t\n", ERR_NONE, "" },
	{ "one more", FIRST LAST "100644\t5\t" HELLO "\t/usr/lib/c\t\n", ERR_INITRD_INCOMPLETE,
	  "'/usr/lib/c' is not there (No such file or directory), the first of 1 faults in 5 entries" },
	{ "two more", FIRST "040755\t0\t-\t/x\t\n100644\t5\t" HELLO "\t/x/y\t\n", ERR_INITRD_INCOMPLETE,
	  "'/x' is not there (No such file or directory), the first of 2 faults" },
	{ "larger", "100644\t6\t" HELLO "\t/etc/a\t\n" LAST, ERR_INITRD_INCOMPLETE,
	  "'/etc/a' has 5 bytes instead of 6" },
	{ "link's target", "120777\t6\t-\t/lib\t\n", ERR_INITRD_INCOMPLETE, "'/lib' has 7 bytes instead of 6" },
	{ "not followed", "040755\t0\t-\t/lib\t\n", ERR_INITRD_INCOMPLETE, "'/lib' is of another type" },
	{ "other contents in the middle", "100644\t5\t" HOLE "\t/etc/a\t\n" LAST, ERR_NONE, "" },
	{ "other contents at the end", FIRST "100755\t5\t" HOLE "\t/usr/lib/b\t\n040755\t0\t-\t/usr/lib/z\t\n",
	  ERR_INITRD_INCOMPLETE, "'/usr/lib/b' does not have the contents" },
	{ "damaged", FIRST "100755\n", ERR_INITRD_INCOMPLETE, "damaged in line 6" },
};

static void holds_a_tree_against_it(void **state)
{
	SCOPED(fd_close) int root_fd = -1;
	char root[32], text[1024];

	(void)state;
	tree_make(tree, root);
	root_fd = open(root, O_PATH | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		struct err e = { 0 };
		size_t n;

		snprintf(text, sizeof(text), HEAD "%s", checks[i].entries);
		assert_code(unpacked_check(root_fd, text, strlen(text), &n, &e), &e, checks[i].code,
			    checks[i].name);
		if (!strstr(e.what, checks[i].says))
			fail_msg("case '%s': says %s", checks[i].name, e.what);
	}
	tree_remove(root);
}

/* As the kernel leaves it: the full size, and no bytes; larger than what is digested. */
static void sees_pages_that_are_missing(void **state)
{
	static const char large[] = HEAD "100644\t2097152\t" HOLE "\t/large\t\n";
	static const char *const nothing[] = { NULL };
	SCOPED(fd_close) int root_fd = -1;
	SCOPED(fd_close) int fd = -1;
	char root[32], zeros[65536] = "";
	struct err e = { 0 };
	size_t n;

	(void)state;
	tree_make(nothing, root);
	root_fd = open(root, O_PATH | O_CLOEXEC);
	fd = openat(root_fd, "large", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(fd, 2097152), 0);
	assert_code(unpacked_check(root_fd, large, strlen(large), &n, &e), &e, ERR_INITRD_INCOMPLETE,
		    "hole");
	for (size_t i = 0; i < 2097152 / sizeof(zeros); i++)
		assert_int_equal(write_full(fd, zeros, sizeof(zeros)), 0);
	fsync(fd);
	assert_code(unpacked_check(root_fd, large, strlen(large), &n, &e), &e, ERR_NONE, "written");
	tree_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(reads_lines), UNIT_TEST(knows_its_versions),
		UNIT_TEST(holds_a_tree_against_it), UNIT_TEST(sees_pages_that_are_missing),
	};

	return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
