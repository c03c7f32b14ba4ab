/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sandbox.h - a small initrd in namespaces of its own, without a virtual machine.
 *
 * Root is a tmpfs with a real /proc, with /dev, /sys and /run as further tmpfs, with an
 * empty /sysroot, and with the host's /usr bound at /host. Include after
 * "#define _GNU_SOURCE" and unit.h. Works for root, or where users may make namespaces. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/core/file.h"

enum { SANDBOX_OUTPUT_BYTES = 64 * 1024, SANDBOX_NONE = 77, SANDBOX_SECONDS = 60 };

/* For use inside: says what went wrong, and leaves. */
#define REQUIRE(truth)                                                                        \
	do {                                                                                  \
		if (!(truth)) {                                                               \
			fprintf(stderr, "%s:%d: not so: %s (%m)\n", __FILE__, __LINE__, #truth); \
			_exit(1);                                                             \
		}                                                                             \
	} while (0)

static inline void sandbox_write(const char *path, const char *text)
{
	struct err e;

	REQUIRE(file_write(path, 0644, text, strlen(text), &e) == 0);
}

static inline void sandbox_mkdir(const char *path)
{
	struct err e;

	REQUIRE(make_dirs(path, 0755, &e) == 0);
}

/* Set by a test of what ends the machine, which in a PID namespace is a signal that ends PID 1. */
static bool sandbox_may_end_machine;

static inline int sandbox_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Prints the mount points, sorted, but not those below /host or /usr. */
static inline void sandbox_print_mounts(void)
{
	char line[4096], paths[64][256];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	size_t n = 0;

	REQUIRE(f);
	while (n < 64 && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %*s %*s %*s %255s", paths[n]) == 1 &&
		    strncmp(paths[n], "/host/", 6) != 0 && strncmp(paths[n], "/usr/", 5) != 0)
			n++;
	fclose(f);
	qsort(paths, n, sizeof(*paths), sandbox_compare);
	for (size_t i = 0; i < n; i++)
		printf("mount %s\n", paths[i]);
}

static bool sandbox_unshare(void)
{
	unsigned uid = getuid(), gid = getgid();
	char map[32];
	struct err e;

	if (unshare(CLONE_NEWNS | CLONE_NEWPID) == 0)
		return true;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) < 0)
		return false;
	(void)!file_write_existing("/proc/self/setgroups", "deny", &e);
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (file_write_existing("/proc/self/uid_map", map, &e) < 0)
		return false;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return file_write_existing("/proc/self/gid_map", map, &e) == 0;
}

/* Makes the tmpfs the root of this mount namespace. Its /proc comes later. */
static void sandbox_root(void)
{
	static const char *const own[] = { "dev", "sys", "run" };

	REQUIRE(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	REQUIRE(mount("tmpfs", "/tmp", "tmpfs", 0, "mode=0755") == 0);
	REQUIRE(chdir("/tmp") == 0);
	REQUIRE(mkdir("host", 0755) == 0 && mkdir("proc", 0755) == 0);
	REQUIRE(mkdir("sysroot", 0755) == 0);
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		REQUIRE(mkdir(own[i], 0755) == 0 && mount("tmpfs", own[i], "tmpfs", 0, NULL) == 0);
	REQUIRE(mount("/usr", "host", NULL, MS_BIND | MS_REC, NULL) == 0);
	/* Mounting a /proc as a plain user takes one that is in sight. */
	REQUIRE(mount("/proc", "proc", NULL, MS_BIND | MS_REC, NULL) == 0);
	REQUIRE(syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0);
	REQUIRE(chdir("/") == 0);
}

static void sandbox_pid1(void (*body)(const void *), const void *arg)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Not everywhere may a plain user mount one. */
	if (mount("proc", "/sysroot", "proc", 0, NULL) < 0)
		_exit(SANDBOX_NONE);
	REQUIRE(umount2("/proc", MNT_DETACH) == 0);
	REQUIRE(mount("/sysroot", "/proc", NULL, MS_MOVE, NULL) == 0);
	body(arg);
	fflush(stdout);
	_exit(0);
}

/* The process between test and PID 1: sees the sandbox's root even when PID 1 left it. */
static void sandbox_keeper(void (*body)(const void *), void (*after)(int), const void *arg)
{
	int root, status = -1;
	pid_t child;

	alarm(SANDBOX_SECONDS);
	if (!sandbox_unshare())
		_exit(SANDBOX_NONE);
	sandbox_root();
	root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	child = fork();
	if (child == 0)
		sandbox_pid1(body, arg);
	REQUIRE(root >= 0 && waitpid(child, &status, 0) == child);
	if (sandbox_may_end_machine && WIFSIGNALED(status) &&
	    (WTERMSIG(status) == SIGHUP || WTERMSIG(status) == SIGINT))
		printf("sandbox: %s\n", WTERMSIG(status) == SIGHUP ? "rebooted" : "off");
	else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	if (after)
		after(root);
	fflush(stdout);
	_exit(0);
}

/* Runs body(arg) as PID 1 of a sandbox, then after(root), which may be NULL, outside of the
 * PID namespace, with a descriptor of the root that PID 1 began with. Writes what both
 * printed to ret. Skips the test where there are no namespaces, fails it if either failed. */
static void sandbox_run(void (*body)(const void *), void (*after)(int), const void *arg,
			char ret[static SANDBOX_OUTPUT_BYTES])
{
	size_t n = 0;
	ssize_t got;
	int ends[2], status = -1;
	pid_t child;

	fflush(stdout);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		sandbox_keeper(body, after, arg);
	}
	close(ends[1]);
	while ((got = read(ends[0], ret + n, SANDBOX_OUTPUT_BYTES - 1 - n)) > 0)
		n += (size_t)got;
	ret[n] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SANDBOX_NONE)
		skip();
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("the sandbox failed, having said:\n%s", ret);
}
