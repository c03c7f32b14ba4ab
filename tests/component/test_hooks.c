/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hooks of all kinds, in a sandboxed initrd: what becomes of each, and that nothing of it is
 * left. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "hooks/hooks.h"
#include "init/core/bytes.h"
#include "init/core/cleanup.h"
#include "init/core/clock.h"
#include "init/core/log.h"
#include "tests/component/sandbox.h"

#define PROGRAM "build/component/hook"
#define FOLDER HOOKS_FOLDER "/proven/"

enum { PROGRAM_MAX_BYTES = 16 * 1024 * 1024 };

struct hook_case {
	const char *name, *declaration;
	enum hook_verdict verdict;
	enum err_code code;
	const char *what;     /* part of it */
	const char *facts[16]; /* that it must have told; "KEY VALUE" */
	const char *file;     /* what it is instead of the test's program; "@PATH" copies */
	mode_t mode;          /* 0: 0755 */
	unsigned took_s;      /* at least; and less than a second more */
	unsigned waited_s;    /* of its deadline, before it is started */
	const char *left;     /* files that it left in /run, as print_file() shows them */
};

static const struct hook_case cases[] = {
	{ "continue", NULL, HOOK_CONTINUED, 0, .what = "" },
	{ "refuse", NULL, HOOK_REFUSED, ERR_HOOK_REFUSED, .what = "hook 'refuse' refuses: the lid is open" },
	{ "refuse", "failure=skip\n", HOOK_REFUSED, ERR_HOOK_REFUSED, .what = "the lid is open" },
	{ "refuse-and-hang", "deadline=1\nfailure=skip\n", HOOK_REFUSED, ERR_HOOK_REFUSED, .what = "not today",
	  .took_s = 1 },
	{ "hang", "deadline=1\n", HOOK_FAILED, ERR_HOOK_TIMEOUT, .what = "did not end within seconds: 1", .took_s = 1 },
	{ "hang", "deadline=2\nfailure=skip\n", HOOK_SKIPPED, ERR_HOOK_TIMEOUT, .what = "within seconds: 2",
	  .took_s = 2 },
	{ "hang", "deadline=3\n", HOOK_FAILED, ERR_HOOK_TIMEOUT, .what = "did not end within seconds: 3",
	  .waited_s = 2, .took_s = 1 },
	{ "hang", "deadline=2\n", HOOK_FAILED, ERR_HOOK_TIMEOUT, .what = "did not end within seconds: 2",
	  .waited_s = 2 },
	{ "bomb", "deadline=1\n", HOOK_FAILED, ERR_HOOK_TIMEOUT, .what = "did not end within seconds: 1", .took_s = 1 },
	{ "flood", NULL, HOOK_FAILED, ERR_HOOK_FAILED, .what = "was killed, as it wrote too much" },
	{ "flood-messages", NULL, HOOK_FAILED, ERR_HOOK_FAILED, .what = "wrote too much" },
	{ "flood", "failure=skip\n", HOOK_SKIPPED, ERR_HOOK_FAILED, .what = "wrote too much" },
	{ "gigabyte", NULL, HOOK_CONTINUED, 0, .what = "", .facts = { "written 16" } },
	{ "signal", NULL, HOOK_FAILED, ERR_HOOK_FAILED, .what = "was ended by signal 15" },
	{ "crash", NULL, HOOK_FAILED, ERR_HOOK_FAILED, .what = "was ended by signal 6" },
	{ "kill-group", NULL, HOOK_FAILED, ERR_HOOK_FAILED, .what = "was ended by signal 9" },
	{ "kill-all", NULL, HOOK_CONTINUED, 0, .what = "",
	  .facts = { "parent Operation not permitted", "everyone No such process" } },
	{ "status", NULL, HOOK_FAILED, ERR_HOOK_FAILED, .what = "exit status 3" },
	{ "continue-and-fail", NULL, HOOK_FAILED, ERR_HOOK_FAILED, .what = "exit status 1" },
	{ "silent", NULL, HOOK_FAILED, ERR_HOOK_FAILED, .what = "gave no answer" },
	{ "orphan", NULL, HOOK_CONTINUED, 0, .what = "" },
	{ "mount", NULL, HOOK_CONTINUED, 0, .what = "",
	  .facts = { "mount Operation not permitted", "userns Operation not permitted",
	    "mount_unshared Operation not permitted" } },
	{ "view", NULL, HOOK_CONTINUED, 0, .what = "", .facts = { "bytes 12", "view {\"a\":\"view\"}" } },
	{ "look", NULL, HOOK_CONTINUED, 0, .what = "",
	  .facts = { "environment0 PATH=/usr/bin:/usr/sbin", "environment1 HOME=/run",
	    "environment2 SLIPWAY_POINT=proven", "environment3 SLIPWAY_HOOK=look",
	    "capabilities 0000000000000000", "no_new_privileges 1", "user 65534", "group 65534",
	    "groups 0", "process 2", "next_descriptor 3", "usr Read-only file system" } },
	{ "look", "deadline=9\n", HOOK_CONTINUED, 0, .what = "",
	  .facts = { "root Read-only file system", "node Operation not permitted",
	    "proc_sys No such file or directory", "secret No such file or directory" } },
	{ "device", "device=/dev/given\ndevice=/sys/class/led/brightness\n", HOOK_CONTINUED, 0, .what = "",
	  .facts = { "given done", "attribute done", "other_attribute Read-only file system",
	    "other_device No such file or directory", "usr Read-only file system",
	    "smbios No such file or directory" } },
	{ "device", "device=/sys/firmware/dmi/tables/DMI\n", HOOK_FAILED, ERR_HOOK_FAILED,
	  .what = "make the view of hook" },
	{ "device", NULL, HOOK_CONTINUED, 0, .what = "",
	  .facts = { "given Read-only file system", "attribute Permission denied" } },
	{ "device", "device=/dev/gone\n", HOOK_FAILED, ERR_HOOK_FAILED,
	  .what = "look at its device '/dev/gone': No such file" },
	{ "device", "device=/dev/disk\nfailure=skip\n", HOOK_SKIPPED, ERR_HOOK_FAILED,
	  .what = "'/dev/disk' is no character device" },
	{ "device", "device=/dev/bsg\n", HOOK_FAILED, ERR_HOOK_FAILED, .what = "'/dev/bsg' takes commands for a disk" },
	{ "device", "device=/dev/firewire\n", HOOK_FAILED, ERR_HOOK_FAILED, .what = "takes commands for a disk" },
	{ "device", "device=/dev/mmc_rpmb\n", HOOK_FAILED, ERR_HOOK_FAILED, .what = "takes commands for a disk" },
	{ "device", "device=/dev/mtd\n", HOOK_FAILED, ERR_HOOK_FAILED, .what = "takes commands for a disk" },
	{ "device", "device=/dev/nvme\n", HOOK_FAILED, ERR_HOOK_FAILED, .what = "takes commands for a disk" },
	{ "device", "device=/dev/nvme-generic\n", HOOK_FAILED, ERR_HOOK_FAILED, .what = "takes commands for a disk" },
	{ "device", "device=/dev/scsi_generic\n", HOOK_FAILED, ERR_HOOK_FAILED, .what = "takes commands for a disk" },
	{ "device", "device=/dev/ubi\n", HOOK_FAILED, ERR_HOOK_FAILED, .what = "takes commands for a disk" },
	{ "device", "device=/dev/usb\n", HOOK_FAILED, ERR_HOOK_FAILED, .what = "takes commands for a disk" },
	{ "device", "device=/dev/vfio\n", HOOK_FAILED, ERR_HOOK_FAILED, .what = "takes commands for a disk" },
	{ "device", "device=/dev/nvme-fabrics\n", HOOK_FAILED, ERR_HOOK_FAILED, .what = "takes commands for a disk" },
	{ "device", "device=/dev/mpt3ctl\n", HOOK_FAILED, ERR_HOOK_FAILED, .what = "takes commands for a disk" },
	{ "device", "device=/dev/nowhere\n", HOOK_FAILED, ERR_HOOK_FAILED, .what = "or nobody knows" },
	/* The twins: another device of USB, and another one of no kind, which are no disk's. */
	{ "device", "device=/dev/usbmisc\ndevice=/dev/watchdog\n", HOOK_CONTINUED, 0, .what = "" },
	{ "device", "device=/sys/way/out\n", HOOK_FAILED, ERR_HOOK_FAILED, .what = "is no file of /sys" },
	{ "credential", "credential=asked\ncredential=absent\n", HOOK_CONTINUED, 0, .what = "",
	  .facts = { "asked of the machine", "absent No such file or directory",
	    "other No such file or directory" } },
	{ "output", "output=/run/vendor/deep/program\noutput=/run/vendor/secret\noutput=/run/absent\n",
	  HOOK_CONTINUED, 0, .what = "", .facts = { "program done", "secret done", "undeclared done" },
	  .left = "file /run/vendor/deep/program 0 755 'text'\nfile /run/vendor/secret 0 600 'text'\n" },
	{ "output", NULL, HOOK_CONTINUED, 0, .what = "", .facts = { "program No such file or directory" } },
	/* Wherever its links lead, they stay in the box, where there is no such file. */
	{ "output-link", "output=/run/vendor/secret\noutput=/run/vendor/link\n", HOOK_CONTINUED, 0, .what = "",
	  .facts = { "link done" }, .left = "file /run/vendor/secret 0 600 'text'\n" },
	{ "output-link", "output=/run/vendor/folder/marker\n", HOOK_CONTINUED, 0, .what = "",
	  .facts = { "out done" } },
	{ "output-kept", "output=/run/vendor/secret\noutput=/run/kept\n", HOOK_FAILED, ERR_HOOK_FAILED,
	  .what = "its output '/run/kept' cannot be made: File exists" },
	{ "output-folder", "output=/run/folder\nfailure=skip\n", HOOK_SKIPPED, ERR_HOOK_FAILED,
	  .what = "its output '/run/folder' is no file" },
	{ "output-large", "output=/run/large\n", HOOK_FAILED, ERR_HOOK_FAILED,
	  .what = "its output '/run/large' is no file of at most 1 MiB" },
	{ "not-executable", NULL, HOOK_FAILED, ERR_HOOK_FAILED, .what = "execute hook 'not-executable': Permission",
	  .mode = 0644 },
	{ "dynamic", NULL, HOOK_FAILED, ERR_HOOK_FAILED, .what = "names an interpreter or dynamic linker that the initrd lacks",
	  .file = "@/host/bin/true" },
	{ "no-interpreter", "failure=skip\n", HOOK_SKIPPED, ERR_HOOK_FAILED, .what = "interpreter or dynamic linker",
	  .file = "#!/usr/bin/python\n" },
	{ "no-program", NULL, HOOK_FAILED, ERR_HOOK_FAILED, .what = "Exec format error", .file = "text\n" },
	{ "malformed", NULL, HOOK_FAILED, ERR_HOOK_FAILED, .what = "line 2 of what hook 'malformed' answers follows the answer" },
	{ "empty", NULL, HOOK_FAILED, ERR_HOOK_FAILED, .what = "Exec format error", .file = "" },
};

struct job {
	const struct hook_case *c;
	const char *program;
	size_t n_program;
};

static void write_hook(const struct job *j)
{
	char path[256];
	struct err e;
	const struct hook_case *c = j->c;

	sandbox_mkdir(FOLDER);
	snprintf(path, sizeof(path), FOLDER "%s", c->name);
	if (c->file && *c->file == '@')
		REQUIRE(file_copy(c->file + 1, path, 0755, PROGRAM_MAX_BYTES, &e) == 1);
	else if (c->file)
		REQUIRE(file_write(path, 0755, c->file, strlen(c->file), &e) == 0);
	else
		REQUIRE(file_write(path, 0755, j->program, j->n_program, &e) == 0);
	if (c->mode)
		REQUIRE(chmod(path, c->mode) == 0);
	strcat(path, ".hook");
	if (c->declaration)
		sandbox_write(path, c->declaration);
}

/* A character device as /sys knows it: DEVICE is a link to where it is, which has one to its kind. */
static void fill_device(const char *name, const char *kind, unsigned major, unsigned minor)
{
	char path[128], target[128];

	snprintf(path, sizeof(path), "/dev/%s", name);
	REQUIRE(mknod(path, S_IFCHR | 0600, makedev(major, minor)) == 0);
	snprintf(path, sizeof(path), "/sys/devices/%s", name);
	sandbox_mkdir(path);
	strcat(path, "/subsystem");
	snprintf(target, sizeof(target), "../../class/%s", kind);
	REQUIRE(symlink(target, path) == 0);
	sandbox_mkdir("/sys/dev/char");
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u", major, minor);
	snprintf(target, sizeof(target), "../../devices/%s", name);
	REQUIRE(symlink(target, path) == 0);
}

static void fill_devices(void)
{
	static const char *const kinds[] = {
		"bsg", "firewire", "mmc_rpmb", "mtd", "nvme", "nvme-fabrics", "nvme-generic",
		"scsi_generic", "ubi", "usb", "usbmisc", "vfio",
	};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		fill_device(kinds[i], kinds[i], 240, i);
	fill_device("mpt3ctl", "misc", 10, 222);
	fill_device("watchdog", "misc", 10, 130);
	fill_device("given", "mem", 1, 3);
	REQUIRE(mknod("/dev/nowhere", S_IFCHR | 0600, makedev(241, 0)) == 0);
}

static void fill_initrd(void)
{
	sandbox_mkdir("/usr");
	sandbox_write("/usr/marker", "old");
	sandbox_write("/run/kept", "old");
	sandbox_write("/run/secret", "old");
	sandbox_mkdir("/run/credentials/@system");
	sandbox_write("/run/credentials/@system/asked", "of the machine");
	sandbox_write("/run/credentials/@system/other", "not asked for");
	sandbox_mkdir("/sys/devices/led");
	sandbox_mkdir("/sys/class");
	sandbox_mkdir("/sys/firmware/dmi/tables");
	sandbox_write("/sys/firmware/dmi/tables/DMI", "credentials of the machine, and more");
	sandbox_write("/sys/devices/led/brightness", "0");
	sandbox_write("/sys/devices/led/trigger", "0");
	REQUIRE(symlink("../devices/led", "/sys/class/led") == 0);
	REQUIRE(symlink("/usr", "/sys/way") == 0);
	sandbox_write("/usr/out", "old");
	REQUIRE(mknod("/dev/other", S_IFCHR | 0666, makedev(1, 3)) == 0);
	REQUIRE(mknod("/dev/disk", S_IFBLK | 0600, makedev(7, 0)) == 0);
	fill_devices();
}

/* Every process of this namespace but us. */
static unsigned others(void)
{
	SCOPED(dir_close) DIR *dir = opendir("/proc");
	const struct dirent *d;
	unsigned n = 0;

	while ((d = readdir(dir)))
		n += d->d_name[0] >= '1' && d->d_name[0] <= '9' && strcmp(d->d_name, "1") != 0;
	return n;
}

static void print_file(const char *path)
{
	char text[64];
	struct stat st;

	if (stat(path, &st) == 0 && file_read_text(path, text, sizeof(text)) >= 0)
		printf("file %s %u %o '%s'\n", path, st.st_uid, st.st_mode & 07777, text);
}

static void print_what_is_left(void)
{
	static const char *const paths[] = {
		"/usr/marker", "/run/kept", "/usr/planted", "/planted", "/run/vendor/deep/program",
		"/run/vendor/secret", "/run/vendor/link", "/run/vendor/folder/marker", "/run/undeclared", "/sys/devices/led/brightness", "/sys/devices/led/trigger",
	};
	struct statfs fs;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		print_file(paths[i]);
	printf("others %u\n", others());
	REQUIRE(statfs("/run", &fs) == 0);
	printf("used %d\n", (fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize > 1 << 20);
	sandbox_print_mounts();
}

static void body(const void *arg)
{
	static const char view[] = "{\"a\":\"view\"}";
	const struct job *j = arg;
	struct hooks *found;
	struct hook_result r;
	struct err e = { 0 };
	unsigned left_s;
	int rc;

	fill_initrd();
	write_hook(j);
	REQUIRE(hooks_find("", POINT_PROVEN, &found, &e) == 0 && found->n == 1);
	left_s = found->at[0].declaration.deadline_s - j->c->waited_s;
	rc = hook_run(&(struct hook_request){ &found->at[0], view, strlen(view),
					      "/run/credentials/@system", now_ms() + 1000ull * left_s },
		      &r, &e);
	printf("rc %s\n", rc < 0 ? err_name((enum err_code)-rc) : "0");
	printf("verdict %d %s\n", r.verdict, r.verdict == HOOK_CONTINUED ? "" : err_name(r.why.code));
	printf("what %s\n", r.verdict == HOOK_CONTINUED ? "" : r.why.what);
	printf("took %d\n", (int)((r.duration_us + 20000) / 1000000));
	for (size_t i = 0; i < r.answer.n_facts; i++)
		printf("fact %s %s\n", r.answer.facts[i].key, r.answer.facts[i].value);
	free(found);
	print_what_is_left();
}

static void check(const struct hook_case *c, const char *output)
{
	char wanted[512];
	bool goes_on = c->verdict == HOOK_CONTINUED || c->verdict == HOOK_SKIPPED;

	snprintf(wanted, sizeof(wanted), "rc %s\nverdict %d %s\n", goes_on ? "0" : err_name(c->code),
		 c->verdict, c->verdict == HOOK_CONTINUED ? "" : err_name(c->code));
	if (!strstr(output, wanted) || !strstr(output, c->what))
		fail_msg("case '%s': wanted '%s' '%s', got '%s'", c->name, wanted, c->what, output);
	snprintf(wanted, sizeof(wanted), "took %u\n", c->took_s);
	if (!strstr(output, wanted))
		fail_msg("case '%s': wanted '%s', got '%s'", c->name, wanted, output);
	for (size_t i = 0; i < 16 && c->facts[i]; i++) {
		snprintf(wanted, sizeof(wanted), "\nfact %s", c->facts[i]);
		if (!strstr(output, wanted))
			fail_msg("case '%s': wanted '%s', got '%s'", c->name, wanted, output);
	}
}

/* Whatever it did: no process, no mount, no change. */
static void check_left(const struct hook_case *c, const char *output)
{
	bool lights = strcmp(c->name, "device") == 0 && c->verdict == HOOK_CONTINUED && c->declaration &&
		      strstr(c->declaration, "brightness");
	char wanted[512];

	snprintf(wanted, sizeof(wanted),
		 "file /usr/marker 0 644 'old'\nfile /run/kept 0 644 'old'\n%s"
		 "file /sys/devices/led/brightness 0 644 '%d'\nfile /sys/devices/led/trigger 0 644 '0'\n"
		 "others 0\nused 0\nmount /\nmount /dev\nmount /host\nmount /proc\nmount /run\nmount /sys\n",
		 c->left ? c->left : "", lights);
	if (!strstr(output, wanted))
		fail_msg("case '%s': wanted '%s', got '%s'", c->name, wanted, output);
}

static void each_hook_ends_as_it_must(void **state)
{
	static char output[SANDBOX_OUTPUT_BYTES];
	SCOPED(mem_free) char *program = NULL;
	struct job job = { 0 };
	struct err e = { 0 };

	(void)state;
	if (geteuid() != 0)
		skip(); /* others' user names cannot be had in their own namespace */
	assert_code(file_read(AT_FDCWD, PROGRAM, PROGRAM_MAX_BYTES, &program, &job.n_program, &e), &e,
		    ERR_NONE, PROGRAM);
	job.program = program;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		job.c = &cases[i];
		sandbox_run(body, NULL, &job, output);
		check(job.c, output);
		check_left(job.c, output);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(each_hook_ends_as_it_must),
	};

	log_open(open("/dev/null", O_WRONLY | O_CLOEXEC), false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
