/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes with a root, or in its place: extensions, hooks, and a /usr with a root beside it. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "tests/component/whole_boot.h"

#define FOLDER "/usr/lib/slipway/hooks/"
#define EXTENDED "host: an extension is there"
#define USR MACHINE "/usr.disk"

/* ---- extensions ---- */

static void stub_left_good(void)
{
	copy("/machine/good.raw", "/.extra/sysext/good.raw", 0400);
}

static void stub_left_two(void)
{
	stub_left_good();
	copy("/machine/other.raw", "/.extra/sysext/other.raw", 0400);
}

static void stub_left_usr(void)
{
	copy("/machine/inusr.raw", "/.extra/sysext/inusr.raw", 0400);
}

static void stub_left_half(void)
{
	stub_left_good();
	REQUIRE(truncate("/.extra/sysext/good.raw", 64 * 1024) == 0);
}

static void stub_left_link(void)
{
	sandbox_mkdir("/.extra/sysext");
	REQUIRE(symlink("/machine/good.raw", "/.extra/sysext/good.raw") == 0);
}

static void beside(const char *folder, bool signed_, bool hashed)
{
	char to[128];

	snprintf(to, sizeof(to), "%s/good.raw", folder);
	copy("/machine/beside/good.raw", to, 0400);
	snprintf(to, sizeof(to), "%s/good.verity", folder);
	copy("/machine/beside/good.verity", to, 0400);
	snprintf(to, sizeof(to), "%s/good.roothash", folder);
	if (hashed)
		copy("/machine/beside/good.roothash", to, 0400);
	snprintf(to, sizeof(to), "%s/good.roothash.p7s", folder);
	if (signed_)
		copy("/machine/beside/good.roothash.p7s", to, 0400);
}

static void own_beside(void)
{
	beside("/etc/extensions", true, true);
}

static void own_unsigned(void)
{
	beside("/etc/extensions", false, true);
}

static void stubs_unsigned(void)
{
	beside("/.extra/sysext", false, true);
}

static void own_without_hash(void)
{
	beside("/etc/extensions", true, false);
}

static void own_twice(void)
{
	beside("/etc/extensions", true, true);
	stub_left_good();
}

static void own_folder(void)
{
	sandbox_mkdir("/etc/extensions/plain/usr/lib/extension-release.d");
	sandbox_mkdir("/etc/extensions/plain/usr/share");
	sandbox_write("/etc/extensions/plain/usr/share/extended", "x");
	sandbox_write("/etc/extensions/plain/usr/lib/extension-release.d/extension-release.plain", "ID=_any\nSYSEXT_SCOPE=initrd\n");
}

static void configuration(void)
{
	sandbox_mkdir("/usr/local/lib/confexts/plain/etc/extension-release.d");
	sandbox_write("/usr/local/lib/confexts/plain/etc/configured", "x");
	sandbox_write("/usr/local/lib/confexts/plain/etc/extension-release.d/extension-release.plain", "ID=_any\nCONFEXT_SCOPE=initrd\n");
}

#define MERGED "extension 'good' is proven and fits"

static const struct boot_case extension_cases[] = {
	{ "of the stub", .prepare = stub_left_good, .says = { MERGED, STARTED, "an extension is absent" } },
	{ "in a usr partition", .prepare = stub_left_usr, .says = { "extension 'inusr' is proven and fits", STARTED } },
	{ "for the host, in a usr partition", .conf = "host-extensions=/USR\n",
	  .says = { "extension 'inusr' skipped: its tree is in a usr partition", STARTED } },
	{ "required", .prepare = stub_left_good, .conf = "required-extensions=good\n",
	  .says = { MERGED, STARTED } },
	{ "for another system", .prepare = stub_left_two,
	  .says = { MERGED, "extension 'other' skipped", "EXTENSION_MISMATCH", STARTED } },
	{ "required, for another system", .prepare = stub_left_two, .conf = "required-extensions=other\n",
	  .says = { FAILED("extend", "EXTENSION_MISSING") } },
	{ "cut", .prepare = stub_left_half, .says = { "extension 'good' skipped", "EXTENSION_", STARTED },
	  .never = MERGED },
	{ "link", .prepare = stub_left_link, .says = { STARTED }, .never = MERGED },
	{ "side by side", .prepare = own_beside, .says = { MERGED, STARTED } },
	{ "of the initrd, unsigned", .prepare = own_unsigned, .says = { MERGED, STARTED } },
	{ "of the stub, unsigned", .prepare = stubs_unsigned, .says = { "it is not signed", STARTED },
	  .never = MERGED },
	{ "without its hash", .prepare = own_without_hash, .says = { "extension 'good' skipped", STARTED } },
	{ "twice", .prepare = own_twice, .says = { MERGED, STARTED } },
	{ "folder", .prepare = own_folder, .says = { "extension 'plain' is proven and fits", STARTED } },
	{ "configuration", .prepare = configuration,
	  .says = { "extension 'plain' is proven and fits", STARTED } },
	{ "not wanted", .prepare = stub_left_good, .words = DISK "rd.systemd.sysext=no",
	  .says = { STARTED, "rd.systemd.sysext=no" }, .never = MERGED },
	{ "that dm-verity refuses", .prepare = stub_left_good, .machine.activate_errno = ENOTSUP,
	  .says = { "extension 'good' skipped", "VERITY_FAILED", FAILED("prove", "VERITY_FAILED") } },
	{ "of the ESP", .conf = "esp-extensions=/EXT /ABSENT\n", .says = { MERGED, STARTED } },
	{ "of the ESP, as large as may be", .conf = "esp-extensions=/EXT\nesp-extensions-max=1\n",
	  .says = { MERGED, STARTED } },
	{ "of the ESP, and the disk is missing", .words = "slipway.disk=/dev/sdz", .conf = "esp-extensions=/EXT\n",
	  .says = { FAILED("extend", "DISK_TIMEOUT") } },
	{ "of the ESP of no disk", .words = "root=PARTLABEL=system_1", .conf = "esp-extensions=/EXT\n",
	  .says = { "nothing says which disk has the ESP", STARTED } },
	{ "for the host", .conf = "host-extensions=/EXT\n",
	  .says = { "extension 'good' is left for the host", STARTED } },
	{ "for the host, from nowhere", .conf = "host-extensions=/EXT\n", .disk = USR, .words = DISK "root=tmpfs mount.usr=dissect",
	  .says = { "no extensions for the host from the ESP", STARTED } },
	{ "for the host, refused", .conf = "host-extensions=/EXT\n", .words = DISK "systemd.sysext=no",
	  .says = { STARTED },
	  .never = "is left for the host" },
	{ "for the host, and the boot fails", .conf = "host-extensions=/EXT\n", .words = DISK "init=/absent",
	  .says = { "is left for the host", FAILED("check", "ROOT_NO_INIT") } },
	{ "of the root", .conf = "root-extensions=yes\n", .says = { MERGED, STARTED, EXTENDED } },
	{ "of the root, refused", .conf = "root-extensions=yes\n", .words = DISK "systemd.sysext=no",
	  .says = { STARTED, "an extension is absent" }, .never = MERGED },
	{ "of a root that brings none", .conf = "root-extensions=yes\n", .words = "root=PARTLABEL=system_1",
	  .says = { STARTED }, .never = MERGED },
	{ "of the root, and the boot fails", .conf = "root-extensions=yes\n", .words = DISK "init=/absent",
	  .says = { MERGED, FAILED("check", "ROOT_NO_INIT") } },
};

static void extensions(void **state)
{
	(void)state;
	BOOT_ALL(extension_cases);
}

/* ---- hooks ---- */

static void hook(const char *point, const char *name, const char *declaration)
{
	char path[128];

	snprintf(path, sizeof(path), FOLDER "%s/%s", point, name);
	copy("/machine/hook", path, 0755);
	snprintf(path, sizeof(path), FOLDER "%s/%s.hook", point, name);
	if (declaration)
		sandbox_write(path, declaration);
}

static void hooks_everywhere(void)
{
	hook("entered", "continue", NULL);
	hook("extended", "continue", NULL);
	hook("discovered", "continue", NULL);
	hook("proven", "continue", NULL);
	hook("checked", "continue", NULL);
}

static void hook_refuses(void)
{
	hook("proven", "refuse", NULL);
	hook("failed", "continue", NULL);
}

static void hook_fails_to_watch(void)
{
	hook("discovered", "refuse", NULL);
	hook("failed", "status", NULL);
}

static void hook_is_skipped(void)
{
	hook("checked", "status", "failure=skip\n");
}

static void hook_is_a_script(void)
{
	sandbox_mkdir(FOLDER "entered");
	sandbox_write(FOLDER "entered/script", "#!/usr/bin/sh\n");
	REQUIRE(chmod(FOLDER "entered/script", 0755) == 0);
}

static void hook_waits(void)
{
	hook("entered", "continue", "device=/dev/null\ndeadline=1\n");
}

static void hook_waits_in_vain(void)
{
	hook("entered", "continue", "device=/dev/absent\ndeadline=1\n");
}

/* What it leaves belongs to the slot that it looked at, and is not there when it looks at the next. */
static void hook_leaves_output(void)
{
	hook("proven", "output", "output=/run/vendor/secret\noutput=/run/vendor/deep/program\n");
}

static void hook_finds_output(void)
{
	hook_leaves_output();
	sandbox_mkdir(FOLDER "checked");
	hook("checked", "refuse", NULL);
}

static void hook_wants_credentials(void)
{
	hook("entered", "continue", "credential=given\n");
}

#define GOES_ON "hook 'continue' lets the boot go on"

static const struct boot_case hook_cases[] = {
	{ "everywhere", .prepare = hooks_everywhere, .conf = "hook-measure=yes\n",
	  .says = { GOES_ON, STARTED, "\"checked\"" } },
	{ "refuses", .prepare = hook_refuses,
	  .says = { FAILED("hooks", "HOOK_REFUSED"), "the lid is open", REBOOTED }, .never = STARTED },
	{ "refuses one slot", .prepare = hook_refuses, .conf = "failure.hook=next-slot halt\n",
	  .says = { "tries partition 2", "sandbox: off" } },
	{ "nobody watches", .prepare = hook_fails_to_watch, .says = { "which changes nothing", REBOOTED } },
	{ "output", .prepare = hook_leaves_output, .says = { "hook 'output' lets the boot go on", STARTED } },
	{ "output that is taken back", .prepare = hook_finds_output, .conf = "failure.hook=next-slot halt\n",
	  .says = { "the lid is open", "tries partition 2", "halts in 0 s" }, .never = "File exists" },
	{ "skipped", .prepare = hook_is_skipped, .says = { "continuing as its declaration says", STARTED } },
	{ "script", .prepare = hook_is_a_script,
	  .says = { FAILED("hooks", "HOOK_INVALID"), "hook 'script' is a script, and slipway.conf does not allow scripts" } },
	{ "device", .prepare = hook_waits, .says = { GOES_ON, STARTED } },
	{ "no device", .prepare = hook_waits_in_vain, .says = { FAILED("hooks", "HOOK_FAILED") } },
	{ "credential", .prepare = hook_wants_credentials, .words = DISK "systemd.set_credential=given:x",
	  .says = { GOES_ON, STARTED } },
	{ "credentials that nobody may have", .prepare = hook_wants_credentials, .words = DISK "systemd.import_credentials=no",
	  .says = { GOES_ON, STARTED } },
};

static void hooks(void **state)
{
	(void)state;
	BOOT_ALL(hook_cases);
}

/* ---- a /usr, and credentials ---- */

#define BESIDE DISK "mount.usr=dissect "
#define ALLOWED "image-policy=usr=signed:root=unprotected:=open\n"

static void stub_left_credentials(void)
{
	sandbox_mkdir("/.extra/credentials");
	sandbox_write("/.extra/credentials/given.cred", "secret");
	sandbox_mkdir("/.extra/global_credentials");
	sandbox_write("/.extra/profile", "ID=x\n");
}

static const struct boot_case usr_cases[] = {
	{ "usr on a tmpfs", .disk = USR, .words = DISK "root=tmpfs mount.usr=dissect",
	  .says = { STARTED, "/etc/new can be", "/usr/new cannot" } },
	{ "usr by its hash", .disk = USR, .words = "root=tmpfs", .hash_word = "usrhash=", .hash_of = "usr",
	  .says = { STARTED } },
	{ "usr that is missing", .words = DISK "root=tmpfs mount.usr=dissect",
	  .says = { FAILED("choose", "ROOT_MISSING") } },
	{ "root beside it", .disk = USR, .conf = ALLOWED, .words = BESIDE "rw",
	  .says = { STARTED, "the root is weak" } },
	{ "root beside it, read-only", .disk = USR, .conf = ALLOWED, .words = BESIDE,
	  .says = { FAILED("assemble", "SWITCH") } },
	{ "root beside it, not allowed", .disk = USR, .words = BESIDE "rw",
	  .says = { FAILED("choose", "ROOT_UNPROTECTED") } },
	{ "root beside it, of another type", .disk = USR, .conf = ALLOWED,
	  .words = BESIDE "rw rootfstype=btrfs", .says = { FAILED("assemble", "ROOT_MOUNT") } },
	{ "credentials", .prepare = stub_left_credentials, .says = { STARTED } },
};

static void usr(void **state)
{
	(void)state;
	BOOT_ALL(usr_cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(extensions),
		UNIT_TEST(hooks),
		UNIT_TEST(usr),
	};

	sandbox_may_end_machine = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
