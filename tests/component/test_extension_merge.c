/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lays trees over the folders of a sandbox, and takes them away again. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "modules/extension/merge.h"
#include "tests/component/sandbox.h"

static void fill(void)
{
	static const char *const files[] = {
		"/usr/share/own",       "/opt/own",            "/etc/own",
		"/ext/0/usr/share/a",   "/ext/0/usr/share/both", "/ext/0/etc/a",
		"/ext/1/usr/share/both", "/ext/1/etc/b",
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		char folder[64];

		snprintf(folder, sizeof(folder), "%s", files[i]);
		*strrchr(folder, '/') = '\0';
		sandbox_mkdir(folder);
		sandbox_write(files[i], files[i]);
	}
	REQUIRE(chmod("/etc", 0750) == 0);
}

static void print_file(const char *path)
{
	char text[64];

	printf("%s: %s\n", path, file_read_text(path, text, sizeof(text)) < 0 ? "-" : text);
}

static void print_hierarchy(const char *path)
{
	struct statvfs vfs;
	struct stat st;

	REQUIRE(statvfs(path, &vfs) == 0 && stat(path, &st) == 0);
	printf("%s %o%s%s%s%s\n", path, st.st_mode & 07777, vfs.f_flag & ST_RDONLY ? " ro" : "",
	       vfs.f_flag & ST_NODEV ? " nodev" : "", vfs.f_flag & ST_NOSUID ? " nosuid" : "",
	       vfs.f_flag & ST_NOEXEC ? " noexec" : "");
}

/* The number in the metadata is that of the tree at the other path. */
static void require_device(const char *path, dev_t dev)
{
	char text[64], expected[64];

	snprintf(expected, sizeof(expected), "%u:%u", major(dev), minor(dev));
	REQUIRE(file_read_text(path, text, sizeof(text)) > 0);
	REQUIRE(strcmp(text, expected) == 0);
}

static void merge_and_undo(const void *arg)
{
	static const struct layer layers[] = { { "one", "/ext/0" }, { "two", "/ext/1" } };
	struct stat covered, merged;
	struct err e;

	(void)arg;
	fill();
	REQUIRE(stat("/etc", &covered) == 0);
	REQUIRE(merge_begin(&merge_initrd, &e) == 0);
	REQUIRE(merge_hierarchy(&merge_initrd, &extension_classes[SYSEXT], "/usr", layers, 2, &e) == 0);
	REQUIRE(merge_hierarchy(&merge_initrd, &extension_classes[CONFEXT], "/etc", layers, 2, &e) == 0);
	print_hierarchy("/usr");
	print_hierarchy("/etc");
	print_file("/usr/share/own");
	print_file("/usr/share/a");
	print_file("/usr/share/both");
	print_file("/etc/own");
	print_file("/etc/a");
	print_file("/etc/b");
	print_file("/usr/.systemd-sysext/extensions");
	print_file("/etc/.systemd-confext/confexts");
	REQUIRE(stat("/etc", &merged) == 0);
	require_device("/etc/.systemd-confext/dev", merged.st_dev);
	require_device("/etc/.systemd-confext/backing", covered.st_dev);
	REQUIRE(stat("/usr", &merged) == 0);
	require_device("/usr/.systemd-sysext/dev", merged.st_dev);
	REQUIRE(merge_undo(&merge_initrd, "/etc", &e) == 0 && merge_undo(&merge_initrd, "/usr", &e) == 0);
	merge_end(&merge_initrd);
	print_hierarchy("/etc");
	print_file("/etc/a");
	sandbox_print_mounts();
}

static void both_classes(void **state)
{
	static char out[SANDBOX_OUTPUT_BYTES];

	(void)state;
	sandbox_run(merge_and_undo, NULL, NULL, out);
	assert_string_equal(out, "/usr 755 ro nodev nosuid\n/etc 750 ro nodev nosuid noexec\n"
				 "/usr/share/own: /usr/share/own\n"
				 "/usr/share/a: /ext/0/usr/share/a\n"
				 "/usr/share/both: /ext/1/usr/share/both\n"
				 "/etc/own: /etc/own\n/etc/a: /ext/0/etc/a\n/etc/b: /ext/1/etc/b\n"
				 "/usr/.systemd-sysext/extensions: one\ntwo\n"
				 "/etc/.systemd-confext/confexts: one\ntwo\n"
				 "/etc 750\n/etc/a: -\n"
				 "mount /\nmount /dev\nmount /host\nmount /proc\nmount /run\nmount /sys\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = { UNIT_TEST(both_classes) };

	return cmocka_run_group_tests_name("extension_merge", tests, NULL, NULL);
}
