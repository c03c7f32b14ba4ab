/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hook's side of the box. All of this runs in a clone of init, whose other threads were
 * not cloned: whatever they hold stays held, so nothing here takes a lock or memory. */
#define _GNU_SOURCE /* prlimit */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hooks/box.h"
#include "init/core/privileges.h"

/* Of files that are shared with init: nothing in them is written, nothing grants. */
static const unsigned long shared = MS_RDONLY | MS_NOSUID | MS_NODEV;

static const struct {
	const char *from, *to;
	unsigned long flags, recursive;
	bool optional;
} binds[] = {
	{ "/", "root", shared, 0, false },
	/* What extensions were laid over. */
	{ "/usr", "root/usr", shared, 0, false },
	{ "/opt", "root/opt", shared, 0, true },
	{ "/etc", "root/etc", shared | MS_NOEXEC, 0, true },
	{ "/sys", "root/sys", shared | MS_NOEXEC, 0, false },
	{ "/sysroot", "root/sysroot", shared, MS_REC, true },
	{ "run", "root/run", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0, false },
	{ "dev", "root/dev", MS_RDONLY | MS_NOSUID | MS_NOEXEC, 0, false },
};

static int bind(const char *from, const char *to, unsigned long flags, unsigned long recursive)
{
	if (mount(from, to, NULL, MS_BIND | recursive, NULL) < 0)
		return -1;
	/* Only so do the other flags count. */
	return flags ? mount(NULL, to, NULL, MS_REMOUNT | MS_BIND | flags, NULL) : 0;
}

/* Whatever privileges its hook declares, these are not for it: secrets of the machine. */
static int hide_secrets(void)
{
	static const char *const places[] = {
		"root/.extra", "root/sys/firmware/dmi", "root/sys/firmware/qemu_fw_cfg",
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (mount("hidden", places[i], "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
			  "mode=0,size=4k") < 0 && errno != ENOENT)
			return -1;
	return 0;
}

static int make_view(const struct box *b)
{
	char path[sizeof("root") + BOX_PATH_BYTES];

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || chdir(BOX_FOLDER) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(binds) / sizeof(*binds); i++)
		if (bind(binds[i].from, binds[i].to, binds[i].flags, binds[i].recursive) < 0 &&
		    !(binds[i].optional && errno == ENOENT))
			return -1;
	if (hide_secrets() < 0)
		return -1;
	for (size_t i = 0; i < b->n_attributes; i++) {
		snprintf(path, sizeof(path), "root%s", b->attributes[i]);
		if (bind(b->attributes[i], path, 0, 0) < 0)
			return -1;
	}
	return mount("proc", "root/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "subset=pid");
}

/* Only by chroot(): in a root of its own the kernel would let a hook make a user namespace, with
 * every capability in there. Nobody in here has the one that chroot() could be left with. */
static int enter_view(void)
{
	return chdir("root") < 0 || chroot(".") < 0 || chdir("/") < 0 ? -1 : 0;
}

/* When memory runs out, the hook goes first. */
static int offer_to_the_oom_killer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	ssize_t n = write(fd, "1000", 4);

	close(fd);
	return n == 4 ? 0 : -1;
}

/* The attributes of /sys that it was given are root's, everything else is read-only. */
static int kept_capability(const struct box *b)
{
	return b->n_attributes ? CAP_DAC_OVERRIDE : NO_CAPABILITY;
}

static int limit(void)
{
	static const struct {
		int what;
		rlim_t max;
	} limits[] = {
		{ RLIMIT_CORE, 0 }, { RLIMIT_MEMLOCK, 0 }, { RLIMIT_NOFILE, 64 }, { RLIMIT_NPROC, 32 },
		{ RLIMIT_MSGQUEUE, 0 },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		const struct rlimit l = { limits[i].max, limits[i].max };

		if (prlimit(0, (__typeof__(RLIMIT_CORE))limits[i].what, &l, NULL) < 0)
			return -1;
	}
	return 0;
}

static void tell(const struct box *b, enum box_step step, int value)
{
	const struct box_report r = { (int32_t)step, value };
	ssize_t n = write(b->report, &r, sizeof(r));

	(void)n; /* without it, the hook counts as failed */
}

_Noreturn static void execute(const struct box *b)
{
	const struct hook *h = b->hook;
	const char *point = hook_point_name(h->point);
	char path[128], point_word[64], name_word[80];
	char *argv[] = { path, NULL };
	char *envp[] = { "PATH=/usr/bin:/usr/sbin", "HOME=/run", point_word, name_word,
			 "CREDENTIALS_DIRECTORY=/run/credentials", NULL };

	if (!h->declaration.n_credentials)
		envp[4] = NULL;
	snprintf(path, sizeof(path), HOOKS_FOLDER "/%s/%s", point, h->name);
	snprintf(point_word, sizeof(point_word), "SLIPWAY_POINT=%s", point);
	snprintf(name_word, sizeof(name_word), "SLIPWAY_HOOK=%s", h->name);
	umask(0022);
	setsid();
	if (dup2(b->input, 0) < 0 || dup2(b->output, 1) < 0 || dup2(b->messages, 2) < 0 ||
	    limit() < 0 || privileges_drop(BOX_USER, kept_capability(b)) < 0 ||
	    syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) < 0) {
		tell(b, BOX_PRIVILEGES, errno);
		_exit(1);
	}
	execve(path, argv, envp);
	tell(b, BOX_EXECUTE, errno);
	_exit(1);
}

/* PID 1 of the namespace: when it ends, the kernel kills all others in there. */
void box_keep(const struct box *b)
{
	pid_t hook, got;
	int status = 0;

	if (make_view(b) < 0 || enter_view() < 0 || offer_to_the_oom_killer() < 0) {
		tell(b, BOX_VIEW, errno);
		_exit(1);
	}
	hook = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (hook == 0)
		execute(b);
	if (hook < 0) {
		tell(b, BOX_FORK, errno);
		_exit(1);
	}
	do
		got = waitpid(-1, &status, 0);
	while (got != hook && (got > 0 || errno == EINTR));
	if (got == hook)
		tell(b, BOX_ENDED, status);
	_exit(0);
}
