/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mounts a root in a sandbox. An overlay of two directories takes the place of a file system
 * on a block device: nothing else can be mounted read-only, with options, by everybody. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "modules/root/root.h"
#include "tests/component/sandbox.h"

/* In place of the real ones, which nothing else here needs. */
struct volume {
	const char *path;
	dev_t dev;
};

const char *volume_path(const struct volume *v)
{
	return v->path;
}

dev_t volume_dev(const struct volume *v)
{
	return v->dev;
}

#define FLAGS "lowerdir=/image:/empty"
#define BASE_BEFORE "mount /\nmount /dev\nmount /host\nmount /proc\nmount /run\nmount /sys\n"

static const struct mount_case {
	const char *name, *filesystem, *options;
	enum volatile_mode mode;
	const char *tmpfs, *expected;
} cases[] = {
	{ "plain", "overlay", FLAGS, VOLATILE_NO, NULL,
	  "NONE\n"
	  "/sysroot/etc/file is there\n/sysroot/usr/file is there\n"
	  "/sysroot/new: Read-only file system\n/sysroot/usr/new: Read-only file system\n"
	  "nodev\nno link\n" BASE_BEFORE "mount /sysroot\n" },
	{ "state is the host's", "overlay", FLAGS, VOLATILE_STATE, NULL,
	  "NONE\n"
	  "/sysroot/etc/file is there\n/sysroot/usr/file is there\n"
	  "/sysroot/new: Read-only file system\n/sysroot/usr/new: Read-only file system\n"
	  "nodev\nno link\n" BASE_BEFORE "mount /sysroot\n" },
	{ "rw does not make it writable", "overlay", "rw,dev," FLAGS, VOLATILE_NO, NULL,
	  "NONE\n"
	  "/sysroot/etc/file is there\n/sysroot/usr/file is there\n"
	  "/sysroot/new: Read-only file system\n/sysroot/usr/new: Read-only file system\n"
	  "nodev\nno link\n" BASE_BEFORE "mount /sysroot\n" },
	{ "overlay", "overlay", FLAGS, VOLATILE_OVERLAY, NULL,
	  "NONE\n"
	  "/sysroot/etc/file is there\n/sysroot/usr/file is there\n"
	  "/sysroot/new: Success\n/sysroot/usr/new: Success\n"
	  "nodev\nlink to /dev/block/253:7\n" BASE_BEFORE "mount /sysroot\n" },
	{ "overlay, narrowed", "overlay", "nosuid,noexec,nosymfollow," FLAGS, VOLATILE_OVERLAY, NULL,
	  "NONE\n"
	  "/sysroot/etc/file is there\n/sysroot/usr/file is there\n"
	  "/sysroot/new: Success\n/sysroot/usr/new: Success\n"
	  "nodev\nnosuid\nnoexec\nnosymfollow\nlink to /dev/block/253:7\n" BASE_BEFORE
	  "mount /sysroot\n" },
	{ "tmpfs with usr", "overlay", FLAGS, VOLATILE_YES, NULL,
	  "NONE\n"
	  "/sysroot/etc/file is absent\n/sysroot/usr/file is there\n"
	  "/sysroot/new: Success\n/sysroot/usr/new: Read-only file system\n"
	  "nodev\nlink to /dev/block/253:7\n" BASE_BEFORE "mount /sysroot\nmount /sysroot/usr\n" },
#define NOTHING_LEFT                                                            \
	"/sysroot/etc/file is absent\n/sysroot/usr/file is absent\n"            \
	"/sysroot/new: Success\n/sysroot/usr/new: No such file or directory\n"  \
	"no link\n" BASE_BEFORE
	{ "no driver", "nonsense", NULL, VOLATILE_NO, NULL, "ROOT_MOUNT\n" NOTHING_LEFT },
	{ "overlay, no driver", "nonsense", NULL, VOLATILE_OVERLAY, NULL, "ROOT_MOUNT\n" NOTHING_LEFT },
	{ "usr, no driver", "nonsense", NULL, VOLATILE_YES, NULL, "ROOT_MOUNT\n" NOTHING_LEFT },
	{ "bad options", "overlay", "lowerdir=/absent:/empty", VOLATILE_NO, NULL,
	  "ROOT_MOUNT\n" NOTHING_LEFT },
	{ "other device", "overlay", "device=/dev/x," FLAGS, VOLATILE_NO, NULL,
	  "CMDLINE\n" NOTHING_LEFT },
	{ "usr is a link", "overlay", "lowerdir=/linked:/empty", VOLATILE_YES, NULL,
	  "ROOT_MOUNT\n" NOTHING_LEFT },
	/* The image is the /usr: what is in it comes one level deeper. */
	{ "usr on a tmpfs", "overlay", FLAGS, VOLATILE_NO, "ro,size=1M,noexec",
	  "NONE\n"
	  "/sysroot/etc/file is absent\n/sysroot/usr/file is absent\n"
	  "/sysroot/new: Success\n/sysroot/usr/new: Read-only file system\n"
	  "nodev\nnoexec\nno link\n" BASE_BEFORE "mount /sysroot\nmount /sysroot/usr\n" },
	{ "usr on a tmpfs, no driver", "nonsense", NULL, VOLATILE_NO, "", "ROOT_MOUNT\n" NOTHING_LEFT },
	{ "usr on a tmpfs of nonsense", "overlay", FLAGS, VOLATILE_NO, "size=nonsense", "ROOT_MOUNT\n" NOTHING_LEFT },
};

static void fill(void)
{
	sandbox_mkdir("/image/etc");
	sandbox_mkdir("/image/usr");
	sandbox_write("/image/etc/file", "x");
	sandbox_write("/image/usr/file", "x");
	sandbox_mkdir("/linked");
	sandbox_mkdir("/empty");
	REQUIRE(symlink("/image/usr", "/linked/usr") == 0);
}

static void print_access(const char *path)
{
	printf("%s is %s\n", path, access(path, F_OK) == 0 ? "there" : "absent");
}

static void print_write(const char *path)
{
	struct err e = { 0 };

	(void)!file_write(path, 0644, "x", 1, &e);
	printf("%s: %s\n", path, strerror(e.errnum));
}

static void print_link(void)
{
	char target[64] = "";

	if (readlink("/run/systemd/volatile-root", target, sizeof(target) - 1) < 0)
		printf("no link\n");
	else
		printf("link to %s\n", target);
}

static void print_flags(unsigned long flags)
{
	printf("%s%s%s%s", flags & ST_NODEV ? "nodev\n" : "", flags & ST_NOSUID ? "nosuid\n" : "",
	       flags & ST_NOEXEC ? "noexec\n" : "",
	       flags & 0x2000 ? "nosymfollow\n" : ""); /* ST_NOSYMFOLLOW, not in every libc */
}

static void mount_in_sandbox(const void *arg)
{
	const struct mount_case *c = arg;
	struct volume v = { "/dev/mapper/root", makedev(253, 7) };
	struct purpose purpose;
	struct root_request r = { .volume = &v, .filesystem = c->filesystem, .options = c->options, .tmpfs = c->tmpfs,
					  .volatile_mode = c->mode, .ret_purpose = &purpose };
	struct err e = { 0 };
	struct statvfs vfs;

	fill();
	printf("%s\n", err_name(root_mount(&r, &e) < 0 ? e.code : ERR_NONE));
	print_access("/sysroot/etc/file");
	print_access("/sysroot/usr/file");
	print_write("/sysroot/new");
	print_write("/sysroot/usr/new");
	REQUIRE(statvfs("/sysroot", &vfs) == 0);
	print_flags(vfs.f_flag);
	print_link();
	sandbox_print_mounts();
	/* Nothing reaches the image, whatever is above it. */
	REQUIRE(access("/image/new", F_OK) < 0 && access("/image/usr/new", F_OK) < 0);
}

static void mount_cases(void **state)
{
	static char out[SANDBOX_OUTPUT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		sandbox_run(mount_in_sandbox, NULL, &cases[i], out);
		if (strcmp(out, cases[i].expected) != 0)
			fail_msg("case '%s': got\n%s\nexpected\n%s", cases[i].name, out,
				 cases[i].expected);
	}
}

static void unmount(const void *arg)
{
	const enum volatile_mode *mode = arg;
	struct volume v = { "/dev/mapper/root", makedev(253, 7) };
	struct purpose purpose;
	struct root_request r = { .volume = &v, .filesystem = "overlay", .options = FLAGS, .tmpfs = NULL,
					  .volatile_mode = *mode, .ret_purpose = &purpose };
	struct root_tree tree;
	struct err e;

	fill();
	REQUIRE(root_mount(&r, &e) == 0);
	/* A tree without an os-release, but a mount: the check gets past that. */
	printf("%s\n", err_name((enum err_code)-root_check(NULL, &tree, &e)));
	REQUIRE(chdir("/sysroot/usr") == 0);
	root_unmount();
	REQUIRE(chdir("/") == 0);
	printf("%s\n", err_name((enum err_code)-root_check(NULL, &tree, &e)));
	print_link();
	sandbox_print_mounts();
}

static void unmounted_even_if_busy(void **state)
{
	static const enum volatile_mode modes[] = { VOLATILE_NO, VOLATILE_OVERLAY, VOLATILE_YES };
	static char out[SANDBOX_OUTPUT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		sandbox_run(unmount, NULL, &modes[i], out);
		assert_string_equal(out, "ROOT_NO_OS\nSWITCH\nno link\n" BASE_BEFORE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(mount_cases),
		UNIT_TEST(unmounted_even_if_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
