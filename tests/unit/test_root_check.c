/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "modules/root/program.h"
#include "modules/root/root.h"
#include "modules/root/systemd.h"
#include "tests/unit/tree.h"

#define POINTS "d dev", "d proc", "d sys", "d run"
#define RELEASE "f usr/lib/os-release PRETTY_NAME=\"Test 1\"\nID=test\n"
#define SYSTEMD "e usr/lib/systemd/systemd"

static const struct tree_case {
	const char *name;
	const char *lines[12];
	const char *wished;
	enum err_code code;
	const char *init; /* expected on success */
	bool is_systemd, has_dm_rules;
} cases[] = {
	{ "plain", { RELEASE, SYSTEMD, POINTS }, NULL, ERR_NONE, "/usr/lib/systemd/systemd", true,
	  false },
	{ "hermetic", { RELEASE, SYSTEMD }, NULL, ERR_NONE, "/usr/lib/systemd/systemd", true,
	  false },
	{ "etc first", { "f etc/os-release ID=a", SYSTEMD, POINTS }, NULL, ERR_NONE,
	  "/usr/lib/systemd/systemd", true, false },
	{ "absolute link to os-release", { "l etc/os-release /usr/lib/os-release", RELEASE,
	  SYSTEMD }, NULL, ERR_NONE, "/usr/lib/systemd/systemd", true, false },
	{ "dangling etc/os-release", { "l etc/os-release nothing", RELEASE, SYSTEMD }, NULL,
	  ERR_NONE, "/usr/lib/systemd/systemd", true, false },
	/* The host has an /etc/passwd, the tree has not. */
	{ "link out of the tree", { "l etc/os-release ../../../../../etc/passwd", "d usr/lib",
	  SYSTEMD }, NULL, ERR_ROOT_NO_OS, NULL, false, false },
	{ "no os-release", { SYSTEMD, POINTS }, NULL, ERR_ROOT_NO_OS, NULL, false, false },
	{ "os-release is a directory", { "d etc/os-release", SYSTEMD }, NULL, ERR_ROOT_NO_OS,
	  NULL, false, false },
	{ "no usr", { "f etc/os-release ID=a", "e sbin/init" }, NULL, ERR_ROOT_NO_OS, NULL, false,
	  false },
	{ "empty usr", { "f etc/os-release ID=a", "e sbin/init", "d usr" }, NULL, ERR_ROOT_NO_OS,
	  NULL, false, false },
	{ "usr is a link", { "f etc/os-release ID=a", "e u/lib/systemd/systemd", "l usr u" },
	  NULL, ERR_ROOT_NO_OS, NULL, false, false },

	{ "no init", { RELEASE, POINTS }, NULL, ERR_ROOT_NO_INIT, NULL, false, false },
	{ "init is not executable", { RELEASE, "f usr/lib/systemd/systemd" }, NULL,
	  ERR_ROOT_NO_INIT, NULL, false, false },
	{ "init is a directory", { RELEASE, "d usr/lib/systemd/systemd" }, NULL, ERR_ROOT_NO_INIT,
	  NULL, false, false },
	{ "other init", { RELEASE, "e sbin/init" }, NULL, ERR_NONE, "/sbin/init", false, false },
	{ "sbin/init is systemd by link", { RELEASE, SYSTEMD,
	  "l usr/sbin/init ../lib/systemd/systemd", "l sbin usr/sbin" }, "/sbin/init", ERR_NONE,
	  "/usr/lib/systemd/systemd", true, false },
	{ "init= is systemd by hard link", { RELEASE, SYSTEMD,
	  "h usr/lib/systemd/systemd init2" }, "/init2", ERR_NONE, "/usr/lib/systemd/systemd",
	  true, false },
	{ "init= is another", { RELEASE, SYSTEMD, "e opt/init" }, "/opt/init", ERR_NONE,
	  "/opt/init", false, false },
	{ "init= is absent", { RELEASE, SYSTEMD }, "/opt/init", ERR_ROOT_NO_INIT, NULL, false,
	  false },
	{ "init= is relative", { RELEASE, SYSTEMD, "e opt/init" }, "opt/init", ERR_ROOT_NO_INIT,
	  NULL, false, false },
	{ "init= is empty", { RELEASE, SYSTEMD }, "", ERR_ROOT_NO_INIT, NULL, false, false },
	{ "init= is a directory", { RELEASE, SYSTEMD }, "/usr", ERR_ROOT_NO_INIT, NULL, false,
	  false },
	/* On the host it would be found. */
	{ "init= leads out of the tree", { RELEASE, SYSTEMD }, "/../../../../../bin/sh",
	  ERR_ROOT_NO_INIT, NULL, false, false },

	{ "init is text", { RELEASE, "x sbin/init text" }, NULL, ERR_ROOT_NO_INIT, NULL, false,
	  false },
	{ "init is empty", { RELEASE, "x sbin/init" }, NULL, ERR_ROOT_NO_INIT, NULL, false, false },
	{ "bad systemd, good other init", { RELEASE, "x usr/lib/systemd/systemd", "e sbin/init" },
	  NULL, ERR_NONE, "/sbin/init", false, false },
	{ "loader is there", { RELEASE, "e sbin/init /lib/ld.so", "e lib/ld.so" }, NULL, ERR_NONE,
	  "/sbin/init", false, false },
	{ "loader is not", { RELEASE, "e sbin/init /lib/ld.so", "d lib" }, NULL, ERR_ROOT_NO_INIT,
	  NULL, false, false },
	{ "loader is no program file", { RELEASE, "e sbin/init /lib/ld.so", "f lib/ld.so" }, NULL,
	  ERR_ROOT_NO_INIT, NULL, false, false },
	/* On the host it would be found. */
	{ "loader outside of the tree", { RELEASE, "e sbin/init /../../usr/bin/env" }, NULL,
	  ERR_ROOT_NO_INIT, NULL, false, false },
	{ "loader by a link to be made", { RELEASE, "e sbin/init /lib64/ld.so", "e usr/lib64/ld.so" },
	  NULL, ERR_NONE, "/sbin/init", false, false },
	{ "loader in usr/lib, link to be made", { RELEASE, "e sbin/init /lib64/ld.so",
	  "e usr/lib/ld.so" }, NULL, ERR_NONE, "/sbin/init", false, false },
	{ "lib64 is there, so no link", { RELEASE, "e sbin/init /lib64/ld.so", "e usr/lib64/ld.so",
	  "d lib64" }, NULL, ERR_ROOT_NO_INIT, NULL, false, false },
	{ "script", { RELEASE, "x sbin/init #! /opt/sh -x\n", "e opt/sh" }, NULL, ERR_NONE,
	  "/sbin/init", false, false },
	{ "script by a link to be made", { RELEASE, "x sbin/init #!/bin/sh\n", "e usr/bin/sh" },
	  NULL, ERR_NONE, "/sbin/init", false, false },
	{ "script of a script", { RELEASE, "x sbin/init #!/a", "x a #!/b", "e b" }, NULL, ERR_NONE,
	  "/sbin/init", false, false },
	{ "script without its interpreter", { RELEASE, "x sbin/init #!/opt/sh\n" }, NULL,
	  ERR_ROOT_NO_INIT, NULL, false, false },
	{ "script without any", { RELEASE, "x sbin/init #!\n" }, NULL, ERR_ROOT_NO_INIT, NULL,
	  false, false },
	{ "script of itself", { RELEASE, "x sbin/init #!/sbin/init\n" }, NULL, ERR_ROOT_NO_INIT,
	  NULL, false, false },

	{ "mount point is a link", { RELEASE, SYSTEMD, "l run tmp", "d tmp" }, NULL, ERR_SWITCH,
	  NULL, false, false },
	{ "mount point is a dangling link", { RELEASE, SYSTEMD, "l run /nowhere" }, NULL,
	  ERR_SWITCH, NULL, false, false },
	{ "mount point is a file", { RELEASE, SYSTEMD, "f dev x" }, NULL, ERR_SWITCH, NULL, false,
	  false },

	{ "dm rules of upstream", { RELEASE, SYSTEMD, "f usr/lib/udev/rules.d/10-dm.rules" },
	  NULL, ERR_NONE, "/usr/lib/systemd/systemd", true, true },
	{ "dm rules of Debian", { RELEASE, SYSTEMD, "f usr/lib/udev/rules.d/55-dm.rules" }, NULL,
	  ERR_NONE, "/usr/lib/systemd/systemd", true, true },
	{ "other rules", { RELEASE, SYSTEMD, "f usr/lib/udev/rules.d/60-dm.rules" }, NULL,
	  ERR_NONE, "/usr/lib/systemd/systemd", true, false },
};

static void check_case(const struct tree_case *c)
{
	struct root_tree tree = { .init = "untouched" };
	char root[32];
	struct err e;
	int rc;

	tree_make(c->lines, root);
	rc = root_check_at(root, c->wished, false, &tree, &e);
	tree_remove(root);
	assert_code(rc, &e, c->code, c->name);
	if (strcmp(tree.init, c->init ? c->init : "untouched") != 0)
		fail_msg("case '%s': init '%s'", c->name, tree.init);
	if (rc < 0)
		return;
	if (tree.init_is_systemd != c->is_systemd || tree.has_dm_rules != c->has_dm_rules)
		fail_msg("case '%s': systemd %d, rules %d", c->name, tree.init_is_systemd,
			 tree.has_dm_rules);
}

static void tree_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_case(&cases[i]);
}

/* What is wrong with a program's header. */
static void programs(void **state)
{
	static const char *const lines[] = { "e init /lib64/ld.so", "e usr/lib64/ld.so", NULL };
	static const struct { const char *name; size_t at; int byte; bool writable; enum err_code code; } all[] = {
		{ "as it is", 0, 0x7f, true, ERR_NONE },
		{ "read-only, so no link", 0, 0x7f, false, ERR_ROOT_NO_INIT },
		{ "magic", 0, 0, true, ERR_ROOT_NO_INIT },
		{ "32 bit", EI_CLASS, ELFCLASS32, true, ERR_ROOT_NO_INIT },
		{ "byte order", EI_DATA, 3, true, ERR_ROOT_NO_INIT },
		{ "relocatable", offsetof(Elf64_Ehdr, e_type), ET_REL, true, ERR_ROOT_NO_INIT },
		{ "machine", offsetof(Elf64_Ehdr, e_machine), EM_SPARCV9, true, ERR_ROOT_NO_INIT },
		{ "no headers", offsetof(Elf64_Ehdr, e_phnum), 0, true, ERR_ROOT_NO_INIT },
		{ "more headers than bytes", offsetof(Elf64_Ehdr, e_phoff) + 2, 1, true, ERR_ROOT_NO_INIT },
		{ "many headers", offsetof(Elf64_Ehdr, e_phnum) + 1, 0xff, true, ERR_ROOT_NO_INIT },
		{ "no loader's name", sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) +
		  offsetof(Elf64_Phdr, p_filesz), 0, true, ERR_ROOT_NO_INIT },
		{ "loader's name without end", sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) +
		  offsetof(Elf64_Phdr, p_filesz), 5, true, ERR_ROOT_NO_INIT },
		{ "endless loader's name", sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) +
		  offsetof(Elf64_Phdr, p_filesz) + 5, 1, true, ERR_ROOT_NO_INIT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		char root[32], path[64];
		struct stat st;
		struct err e;
		FILE *f;
		int fd, rc;

		tree_make(lines, root);
		snprintf(path, sizeof(path), "%s/init", root);
		f = fopen(path, "r+");
		assert_true(fseek(f, (long)all[i].at, SEEK_SET) == 0 && fputc(all[i].byte, f) >= 0);
		fclose(f);
		fd = open(root, O_PATH | O_CLOEXEC);
		rc = root_program_check(fd, all[i].writable, "/init", &st, &e);
		close(fd);
		tree_remove(root);
		assert_code(rc, &e, all[i].code, all[i].name);
	}
}

static void os_name_cases(void **state)
{
	static const struct { const char *text, *name; } names[] = {
		{ "PRETTY_NAME=\"A b\"\nID=c\n", "A b" },
		{ "ID=c\nPRETTY_NAME='A \"b\" \\x'\n", "A \"b\" \\x" },
		{ "ID=c", "c" },
		{ "ID=\"c\"x\n", "c" },
		{ "", "Linux" },
		{ "ID=\n", "Linux" },
		{ "XID=c\n# ID=d\nID_LIKE=e\n", "Linux" },
		{ "\n\nID=a\nID=b\n", "b" },
		{ "PRETTY_NAME=\"a\\\"b\\$c\"", "a\"b$c" },
		{ "PRETTY_NAME=\"a\033[2Jb\x7f\"", "a?[2Jb?" },
		{ "PRETTY_NAME=\"open\nID=x", "open" },
		{ "ID=a\\\nb", "a\\" },
		{ "PRETTY_NAME=01234567890123456789012345678901234567",
		  "0123456789012345678901234567890" },
	};
	char ret[32];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		root_os_name(names[i].text, ret, sizeof(ret));
		assert_string_equal(ret, names[i].name);
	}
}

static void version_cases(void **state)
{
	static const struct { const char *text, *minimum; enum err_code code; } versions[] = {
		{ "IMAGE_VERSION=3.2\n", "3.2", ERR_NONE },
		{ "IMAGE_VERSION=\"10\"\n", "9", ERR_NONE },
		{ "IMAGE_VERSION=3.2\n", "3.10", ERR_ROLLBACK },
		{ "IMAGE_VERSION=3.2~rc1\n", "3.2", ERR_ROLLBACK },
		{ "IMAGE_VERSION=9\nIMAGE_VERSION=1\n", "2", ERR_ROLLBACK },
		{ "ID=x\nVERSION_ID=99\n", "1", ERR_ROLLBACK },
		{ "IMAGE_VERSION=\n", "1", ERR_ROLLBACK },
		{ "#IMAGE_VERSION=2\n", "1", ERR_ROLLBACK },
		{ "", "", ERR_NONE },
		{ "IMAGE_VERSION=0\n", "", ERR_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
		struct root_tree tree = { 0 };
		struct err e = { 0 };

		root_image_version(versions[i].text, tree.version, sizeof(tree.version));
		assert_code(root_version_is_enough(tree.version, versions[i].minimum, &e), &e, versions[i].code,
			    versions[i].text);
	}
}

#define LIBRARY "libsystemd-shared-"

static void systemd_versions(void **state)
{
	static const struct { const char *program; unsigned version; } all[] = {
		{ SYSTEMD, 0 },
		{ SYSTEMD "  libsystemd-core-257.so " LIBRARY "257.so", 257 },
		{ SYSTEMD "  " LIBRARY "258.1-1.fc43.so", 258 },
		{ SYSTEMD "  " LIBRARY "261~rc2-1.so", 261 },
		{ SYSTEMD "  " LIBRARY "257.so " LIBRARY "257.so", 257 },
		{ SYSTEMD "  " LIBRARY "257.so " LIBRARY "258.so", 0 },
		{ SYSTEMD "  " LIBRARY "257.so " LIBRARY "so", 0 },
		{ SYSTEMD "  " LIBRARY "257257257257.so", 0 },
		{ "e sbin/init  " LIBRARY "257.so", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const char *const lines[] = { RELEASE, all[i].program, NULL };
		struct root_tree tree;
		char root[32];
		struct err e;

		tree_make(lines, root);
		assert_code(root_check_at(root, NULL, false, &tree, &e), &e, ERR_NONE, all[i].program);
		tree_remove(root);
		if (tree.systemd_version != all[i].version)
			fail_msg("'%s': %u", all[i].program, tree.systemd_version);
	}
}

/* Where the file ends, nothing says that the number does. */
static void version_at_the_end(void **state)
{
	static const char name[] = LIBRARY "257.";

	(void)state;
	assert_int_equal(systemd_version_of((struct bytes){ (const uint8_t *)name, sizeof(name) - 1 }), 257);
	for (size_t n = 0; n < sizeof(name) - 1; n++)
		assert_int_equal(systemd_version_of((struct bytes){ (const uint8_t *)name, n }), 0);
}

static void os_release_size(void **state)
{
	static const char *const lines[] = { SYSTEMD, NULL };
	char root[32], path[64], text[16 * 1024 + 1];
	struct root_tree tree;
	struct err e;

	(void)state;
	tree_make(lines, root);
	snprintf(path, sizeof(path), "%s/usr/lib/os-release", root);
	memset(text, '\n', sizeof(text));
	assert_int_equal(file_write(path, 0644, text, sizeof(text) - 1, &e), 0);
	assert_int_equal(root_check_at(root, NULL, false, &tree, &e), 0);
	assert_string_equal(tree.os, "Linux");
	assert_int_equal(file_write(path, 0644, text, sizeof(text), &e), 0);
	assert_int_equal(root_check_at(root, NULL, false, &tree, &e), -ERR_ROOT_NO_OS);
	tree_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(tree_cases),
		UNIT_TEST(programs),
		UNIT_TEST(os_name_cases),
		UNIT_TEST(version_cases),
		UNIT_TEST(systemd_versions),
		UNIT_TEST(version_at_the_end),
		UNIT_TEST(os_release_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
