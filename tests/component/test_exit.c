/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way back, at the host's end: what is below /oldroot goes, and the machine ends as it was told. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "tests/component/sandbox.h"

/* The main of PID 1. */
int slipway_main(int argc, char *argv[], char *envp[]);

struct exit_case {
	const char *verb, *parameter;
	bool busy;           /* something keeps a mount of the old root */
	bool devices;        /* there are some that cannot be taken down */
	const char *says[4];
};

static const struct exit_case cases[] = {
	{ "reboot", .says = { "exit: reboot", "sandbox: rebooted" } },
	{ "reboot", .parameter = "recovery", .says = { "exit: reboot", "sandbox: rebooted" } },
	{ "poweroff", .says = { "exit: poweroff", "sandbox: off" } },
	{ "halt", .says = { "exit: halt", "sandbox: off" } },
	{ "kexec", .says = { "exit: kexec", "sandbox: rebooted" } },
	{ "nonsense", .says = { "'nonsense' is unknown here, powering off", "sandbox: off" } },
	{ "reboot", .busy = true, .says = { "'/oldroot/deep' is busy, and was taken out of sight", "sandbox: rebooted" } },
	{ "reboot", .devices = true, .says = { "cannot detach 'dm-0', leaving it", "cannot detach 'loop0', leaving it", "sandbox: rebooted" } },
};

/* Of files: no device of the host is at stake. */
static void make_devices(void)
{
	sandbox_mkdir("/sys/class/block/dm-0/dm");
	sandbox_write("/sys/class/block/dm-0/dm/name", "root\n");
	sandbox_mkdir("/sys/class/block/loop0/loop");
	sandbox_write("/sys/class/block/loop0/loop/backing_file", "/oldroot/image\n");
	sandbox_mkdir("/sys/class/block/sda");
	sandbox_write("/dev/loop0", "");
}

static void leave(const void *arg)
{
	const struct exit_case *c = arg;
	char *argv[] = { (char *)"/shutdown", (char *)c->verb, NULL };
	static char *envp[] = { NULL };

	dup2(STDOUT_FILENO, STDERR_FILENO);
	sandbox_mkdir("/oldroot");
	REQUIRE(mount("tmpfs", "/oldroot", "tmpfs", 0, NULL) == 0);
	sandbox_write("/oldroot/marker", "x");
	sandbox_mkdir("/oldroot/deep");
	REQUIRE(mount("tmpfs", "/oldroot/deep", "tmpfs", 0, NULL) == 0);
	sandbox_mkdir("/run/systemd");
	if (c->parameter)
		sandbox_write("/run/systemd/reboot-param", c->parameter);
	if (c->devices)
		make_devices();
	if (c->busy)
		REQUIRE(chdir("/oldroot/deep") == 0);
	(void)slipway_main(2, argv, envp);
	_exit(1);
}

static void print_old_root(int root)
{
	printf("old root %s\n", faccessat(root, "oldroot/marker", F_OK, 0) < 0 ? "unmounted" : "left");
}

static void ends(void **state)
{
	static char out[SANDBOX_OUTPUT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		sandbox_run(leave, print_old_root, &cases[i], out);
		for (size_t k = 0; k < 4 && cases[i].says[k]; k++)
			if (!strstr(out, cases[i].says[k]))
				fail_msg("case %zu: not said: '%s' in\n%s", i, cases[i].says[k], out);
		if (!strstr(out, "old root unmounted"))
			fail_msg("case %zu: the old root is left, and\n%s", i, out);
	}
}

static void not_the_way_back(const void *arg)
{
	static char *argv[] = { (char *)"/shutdown", (char *)"reboot", NULL };
	static char *envp[] = { NULL };

	(void)arg;
	/* No old root: this is a boot, which ends at once, as nothing can be mounted at /proc. */
	dup2(STDOUT_FILENO, STDERR_FILENO);
	REQUIRE(umount2("/proc", MNT_DETACH) == 0 && rmdir("/proc") == 0);
	sandbox_write("/proc", "no folder");
	(void)slipway_main(2, argv, envp);
	_exit(1);
}

static void name_alone_is_not_enough(void **state)
{
	static char out[SANDBOX_OUTPUT_BYTES];

	(void)state;
	sandbox_run(not_the_way_back, NULL, NULL, out);
	assert_non_null(strstr(out, "slipway: FAILED stage early  [SYSTEM]"));
	assert_non_null(strstr(out, "mount '/proc'"));
}

static void only_as_pid_1(void **state)
{
	static char *argv[] = { (char *)"init", NULL }, *envp[] = { NULL };

	(void)state;
	assert_int_equal(slipway_main(1, argv, envp), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(ends),
		UNIT_TEST(name_alone_is_not_enough),
		UNIT_TEST(only_as_pid_1),
	};

	sandbox_may_end_machine = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
