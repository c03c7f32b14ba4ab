/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Leaves a sandboxed initrd for a hermetic root: a tmpfs with the host's /usr, in which
 * this very program is the init and tells what it finds. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "init/core/cleanup.h"
#include "modules/handover/handover.h"
#include "modules/handover/remove.h"
#include "tests/component/sandbox.h"

#define INIT_NAME "init-that-reports"
#define INIT "/opt/" INIT_NAME
#define FALLBACK "/sbin/init"

/* The new init's side. */

static void print_file(const char *path)
{
	char text[1024];

	if (file_read_text(path, text, sizeof(text)) < 0)
		printf("%s absent\n", path);
	else
		printf("%s has '%s'\n", path, text);
}

static void print_descriptors(int known)
{
	SCOPED(dir_close) DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (fd > 2 && fd != dirfd(dir))
			printf("descriptor%s\n", fd == known ? " of the memfd" : " astray");
	}
}

static int report(int argc, char **argv, char **envp)
{
	char text[256], cwd[64];
	int state = -1;

	for (int i = 0; i < argc; i++)
		if (sscanf(argv[i], "--deserialize=%d", &state) == 1)
			printf("word --deserialize=N\n");
		else
			printf("word %s\n", argv[i]);
	for (char **word = envp; *word; word++)
		printf("environment %s\n", *word);
	if (state >= 0) {
		ssize_t n = read(state, text, sizeof(text) - 1);

		printf("state '%.*s'\n", (int)n, text);
	}
	print_descriptors(state);
	printf("in %s\n", getcwd(cwd, sizeof(cwd)));
	print_file("/run/kept");
	print_file("/run/synced");
	print_file("/dev/kept");
	print_file("/sys/kept");
	print_file("/run/systemd/state");
	print_file("/run/systemd.pre-switch-root/state");
	print_file("/init");
	sandbox_print_mounts();
	fflush(stdout);
	_exit(0);
}

/* The initrd's side. */

/* In place of the C library's: tells the new root that all of the old one was still there. */
void sync(void)
{
	if (access("/init", F_OK) == 0 && access("/proc/self", F_OK) == 0)
		sandbox_write("/run/synced", "before");
}

static void copy_program(const char *path)
{
	struct err e;

	REQUIRE(file_copy("/proc/self/exe", path, 0755, 64 * 1024 * 1024, &e) == 1);
}

static void fill_initrd(void)
{
	sandbox_write("/init", "old");
	sandbox_mkdir("/usr/lib/modules/6/kernel");
	sandbox_write("/usr/lib/modules/6/kernel/x.ko", "old");
	sandbox_mkdir("/run/systemd");
	sandbox_write("/run/systemd/state", "ours");
	sandbox_write("/run/kept", "run");
	sandbox_write("/dev/kept", "dev");
	sandbox_write("/sys/kept", "sys");
	sandbox_mkdir("/left/deep");
	REQUIRE(mount("tmpfs", "/left", "tmpfs", 0, NULL) == 0);
	/* As a library might leave it: not to be closed at exec. */
	REQUIRE(dup2(open("/init", O_RDONLY), 42) == 42);
}

struct switch_case {
	bool is_systemd, broken;
	unsigned version;
};

static void leave(const void *arg)
{
	static char *const argv[] = { "init", "splash", "3", NULL };
	static char *const envp[] = {
		"SYSTEMD_IN_INITRD=1", "CREDENTIALS_DIRECTORY=/planted", "HOME=/", "container=lxc",
		"ENCRYPTED_CREDENTIALS_DIRECTORY=/planted", "RD_TIMESTAMP=1", "NOTIFY_SOCKET=@x",
		"container_too=1", "LANG=planted", "ASAN_OPTIONS=detect_leaks=0", NULL,
	};
	static const char *const variables[] = {
		"CREDENTIALS_DIRECTORY=/run/secrets", "LANG=ours", NULL,
	};
	const struct switch_case *c = arg;
	struct handover_exec x = {
		INIT, c->is_systemd, c->version, argv, envp, c->is_systemd ? variables : NULL,
		1700000000000001, 2345678,
	};
	struct err e = { 0 };

	REQUIRE(mount("tmpfs", "/sysroot", "tmpfs", 0, "mode=0755") == 0);
	sandbox_mkdir("/sysroot/usr");
	REQUIRE(mount("/host", "/sysroot/usr", NULL, MS_BIND | MS_REC, NULL) == 0);
	sandbox_mkdir("/sysroot/opt");
	if (c->broken)
		sandbox_write("/sysroot" INIT, "not to be executed");
	else
		copy_program("/sysroot" INIT);
	sandbox_mkdir("/sysroot/sbin");
	copy_program("/sysroot" FALLBACK);
	REQUIRE(handover_base_tree("/sysroot", &e) == 0);
	fill_initrd();
	if (handover_switch_root("/sysroot", &e) == 0)
		(void)!handover_exec(&x, &e);
	fprintf(stderr, "%s\n", e.what);
	_exit(1);
}

/* Of the initrd's own file system nothing may use memory any more. */
static void print_left(int root)
{
	DIR *dir = fdopendir(root);
	const struct dirent *entry;

	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			printf("left %s\n", entry->d_name);
	printf("end\n");
}

#define COMMON_TAIL                                                  \
	"/init absent\n"                                             \
	"mount /\nmount /dev\nmount /proc\nmount /run\nmount /sys\nmount /usr\n" \
	"end\n"

static const char with_systemd[] =
	"word " INIT "\nword --switched-root\nword --system\nword --deserialize=N\n"
	"word splash\nword 3\n"
	"environment HOME=/\nenvironment container_too=1\n"
	"environment ASAN_OPTIONS=detect_leaks=0\n"
	"environment CREDENTIALS_DIRECTORY=/run/secrets\nenvironment LANG=ours\n"
	"state 'previous-objective=switch-root\ninitrd-timestamp=1700000000000001 2345678\n\n'\n"
	"descriptor of the memfd\n"
	"in /\n"
	"/run/kept has 'run'\n/run/synced has 'before'\n/dev/kept has 'dev'\n/sys/kept has 'sys'\n"
	"/run/systemd/state has 'ours'\n/run/systemd.pre-switch-root/state absent\n" COMMON_TAIL;

/* As the kernel would start it. */
static const char with_systemd_unknown[] =
	"word " INIT "\nword splash\nword 3\n"
	"environment HOME=/\nenvironment container_too=1\n"
	"environment ASAN_OPTIONS=detect_leaks=0\n"
	"environment CREDENTIALS_DIRECTORY=/run/secrets\nenvironment LANG=ours\n"
	"in /\n"
	"/run/kept has 'run'\n/run/synced has 'before'\n/dev/kept has 'dev'\n/sys/kept has 'sys'\n"
	"/run/systemd/state has 'ours'\n/run/systemd.pre-switch-root/state absent\n" COMMON_TAIL;

#define WITH_ANOTHER(init)                                                                    \
	"word " init "\nword splash\nword 3\n"                                                \
	"environment HOME=/\nenvironment container_too=1\nenvironment LANG=planted\n"         \
	"environment ASAN_OPTIONS=detect_leaks=0\n"                                           \
	"in /\n"                                                                              \
	"/run/kept has 'run'\n/run/synced has 'before'\n/dev/kept has 'dev'\n/sys/kept has 'sys'\n"                     \
	"/run/systemd/state absent\n/run/systemd.pre-switch-root/state has 'ours'\n" COMMON_TAIL

static void switch_to_systemd(void **state)
{
	static char out[SANDBOX_OUTPUT_BYTES];

	(void)state;
	for (unsigned version = 252; version <= 262; version++) {
		sandbox_run(leave, print_left, &(struct switch_case){ .is_systemd = true, .version = version }, out);
		assert_string_equal(out, with_systemd);
	}
}

/* One whose version is not known to take what we would tell it. */
static void switch_to_unknown_systemd(void **state)
{
	static const unsigned versions[] = { 0, 251, 263, 9999 };
	static char out[SANDBOX_OUTPUT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
		sandbox_run(leave, print_left, &(struct switch_case){ .is_systemd = true, .version = versions[i] }, out);
		assert_string_equal(out, with_systemd_unknown);
	}
}

static void switch_to_another(void **state)
{
	static char out[SANDBOX_OUTPUT_BYTES];

	(void)state;
	sandbox_run(leave, print_left, &(struct switch_case){ 0 }, out);
	assert_string_equal(out, WITH_ANOTHER(INIT));
}

/* One that cannot be executed is followed by the other one, as what that is. */
static void switch_to_fallback(void **state)
{
	static char out[SANDBOX_OUTPUT_BYTES];

	(void)state;
	sandbox_run(leave, print_left, &(struct switch_case){ .broken = true }, out);
	assert_string_equal(out, WITH_ANOTHER(FALLBACK));
}

/* A mount of the same file system has the same device number. */
static void remove_beside_mount(const void *arg)
{
	SCOPED(fd_close) int fd = -1;

	(void)arg;
	sandbox_mkdir("/keep");
	sandbox_write("/keep/file", "x");
	sandbox_mkdir("/old/mounted");
	sandbox_write("/old/file", "x");
	REQUIRE(mount("/keep", "/old/mounted", NULL, MS_BIND, NULL) == 0);
	fd = open("/old", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(fd >= 0 && remove_content(fd) < 0);
	print_file("/keep/file");
	print_file("/old/file");
}

static void mounts_are_not_crossed(void **state)
{
	static char out[SANDBOX_OUTPUT_BYTES];

	(void)state;
	sandbox_run(remove_beside_mount, NULL, NULL, out);
	assert_string_equal(out, "/keep/file has 'x'\n/old/file absent\n");
}

static void switch_to_nothing(const void *arg)
{
	struct err e;

	(void)arg;
	printf("%s\n", err_name((enum err_code)-handover_switch_root("/sysroot", &e)));
	print_file("/proc/sys/kernel/ostype");
}

/* /sysroot is no mount and has no mount points: nothing moves, nothing is deleted. */
static void failure_leaves_all(void **state)
{
	static char out[SANDBOX_OUTPUT_BYTES];

	(void)state;
	sandbox_run(switch_to_nothing, NULL, NULL, out);
	assert_string_equal(out, "SWITCH\n/proc/sys/kernel/ostype has 'Linux'\n");
}

int main(int argc, char **argv, char **envp)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(switch_to_systemd),
		UNIT_TEST(switch_to_unknown_systemd),
		UNIT_TEST(switch_to_another),
		UNIT_TEST(switch_to_fallback),
		UNIT_TEST(mounts_are_not_crossed),
		UNIT_TEST(failure_leaves_all),
	};

	if (strcmp(argv[0], INIT) == 0 || strcmp(argv[0], FALLBACK) == 0)
		return report(argc, argv, envp);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
