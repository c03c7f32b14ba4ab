/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/handover/handover.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "init/core/file.h"

enum { MIB = 1024 * 1024 };

/* What the kernel gives PID 1: INIT_RLIMITS in asm-generic/resource.h. */
static const struct {
	int resource;
	struct rlimit limit;
} limits[] = {
	{ RLIMIT_NOFILE, { 1024, 4096 } },
	{ RLIMIT_STACK, { 8 * MIB, RLIM_INFINITY } },
	{ RLIMIT_CORE, { 0, RLIM_INFINITY } },
	{ RLIMIT_MEMLOCK, { 8 * MIB, 8 * MIB } },
};

static int reset_limits(void)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		if (setrlimit(limits[i].resource, &limits[i].limit) < 0)
			rc = -1;
	return rc;
}

/* exec keeps ignored signals ignored, and the mask. */
static int reset_signals(void)
{
	const struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	/* Fails for SIGKILL, SIGSTOP and those that the libc keeps for itself. */
	for (int s = 1; s < _NSIG; s++)
		sigaction(s, &dfl, NULL);
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

static int reset_umask(void)
{
	umask(0022);
	return 0;
}

static int reset_nice(void)
{
	return setpriority(PRIO_PROCESS, 0, 0);
}

static int reset_oom_score(void)
{
	struct err e;
	char now[16];

	if (file_read_text("/proc/self/oom_score_adj", now, sizeof(now)) < 0)
		return -1;
	if (strcmp(now, "0") == 0)
		return 0;
	if (file_write_existing("/proc/self/oom_score_adj", "0", &e) < 0) {
		errno = e.errnum;
		return -1;
	}
	return 0;
}

/* 0 stands for the default. */
static int reset_timer_slack(void)
{
	return prctl(PR_SET_TIMERSLACK, 0L, 0L, 0L, 0L);
}

static int reset_huge_pages(void)
{
	return prctl(PR_SET_THP_DISABLE, 0L, 0L, 0L, 0L);
}

static int reset_personality(void)
{
	return personality(PER_LINUX) < 0 ? -1 : 0;
}

static int reset_ambient_capabilities(void)
{
	return prctl(PR_CAP_AMBIENT, (long)PR_CAP_AMBIENT_CLEAR_ALL, 0L, 0L, 0L);
}

static const struct {
	const char *name;
	int (*reset)(void);
} attributes[] = {
	{ "rlimits", reset_limits },
	{ "signals", reset_signals },
	{ "umask", reset_umask },
	{ "nice value", reset_nice },
	{ "oom score", reset_oom_score },
	{ "timer slack", reset_timer_slack },
	{ "huge page flag", reset_huge_pages },
	{ "personality", reset_personality },
	{ "ambient capabilities", reset_ambient_capabilities },
};

int handover_reset_process(struct err *e)
{
	int rc = 0;

	/* One that fails does not keep the others from being reset. */
	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
		if (attributes[i].reset() < 0)
			rc = err_set(e, ERR_SYSTEM, errno, "reset the process's '%s'",
				     attributes[i].name);
	return rc;
}
