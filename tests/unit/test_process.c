/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/core/file.h"
#include "modules/handover/handover.h"

enum { MIB = 1024 * 1024 };

static const struct {
	int resource;
	struct rlimit limit;
} limits[] = {
	{ RLIMIT_NOFILE, { 1024, 4096 } },
	{ RLIMIT_STACK, { 8 * MIB, RLIM_INFINITY } },
	{ RLIMIT_CORE, { 0, RLIM_INFINITY } },
	{ RLIMIT_MEMLOCK, { 8 * MIB, 8 * MIB } },
};

/* Leaves nothing as the kernel gave it. */
static void spoil(void)
{
	struct rlimit limit;
	sigset_t all;
	struct err e;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGRTMIN + 3, SIG_IGN);
	umask(0077);
	prctl(PR_SET_TIMERSLACK, 123456L, 0L, 0L, 0L);
	prctl(PR_SET_THP_DISABLE, 1L, 0L, 0L, 0L);
	personality(PER_LINUX | UNAME26 | ADDR_NO_RANDOMIZE);
	/* Works with CAP_SYS_NICE only, as setting it back does. */
	setpriority(PRIO_PROCESS, 0, -18);
	(void)!file_write_existing("/proc/self/oom_score_adj", "500", &e);
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		getrlimit(limits[i].resource, &limit);
		limit.rlim_cur = 333;
		setrlimit(limits[i].resource, &limit);
	}
}

/* Hard limits can be lowered by everybody, and raised by PID 1. */
static bool limits_can_be_reset(void)
{
	struct rlimit now;

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		if (getrlimit(limits[i].resource, &now) < 0 ||
		    now.rlim_max < limits[i].limit.rlim_max)
			return false;
	return true;
}

static const char *look_limits(void)
{
	struct rlimit now;

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		if (getrlimit(limits[i].resource, &now) < 0 ||
		    now.rlim_cur != limits[i].limit.rlim_cur ||
		    now.rlim_max != limits[i].limit.rlim_max)
			return "a limit";
	return NULL;
}

/* NULL if all is as the kernel gives it to PID 1, or the name of what is not. */
static const char *look(long slack)
{
	struct sigaction pipe_action, rt_action;
	char score[16];
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	sigaction(SIGPIPE, NULL, &pipe_action);
	sigaction(SIGRTMIN + 3, NULL, &rt_action);
	file_read_text("/proc/self/oom_score_adj", score, sizeof(score));
	return !sigisemptyset(&mask) ? "mask" :
	       pipe_action.sa_handler != SIG_DFL ? "SIGPIPE" :
	       rt_action.sa_handler != SIG_DFL ? "SIGRTMIN+3" :
	       umask(0022) != 0022 ? "umask" :
	       prctl(PR_GET_TIMERSLACK, 0L, 0L, 0L, 0L) != slack ? "timer slack" :
	       prctl(PR_GET_THP_DISABLE, 0L, 0L, 0L, 0L) != 0 ? "THP" :
	       personality(0xffffffff) != PER_LINUX ? "personality" :
	       getpriority(PRIO_PROCESS, 0) != 0 ? "nice" :
	       strcmp(score, "0") != 0 ? "oom score" :
	       look_limits();
}

/* In a child, since the attributes of the test itself are at stake. */
static int reset_in_child(void)
{
	long slack = prctl(PR_GET_TIMERSLACK, 0L, 0L, 0L, 0L);
	struct err e = { 0 };
	const char *wrong;

	spoil();
	if (handover_reset_process(&e) < 0) {
		fprintf(stderr, "reset: %s\n", e.what);
		return 1;
	}
	wrong = look(slack);
	if (wrong)
		fprintf(stderr, "not reset: %s\n", wrong);
	return wrong != NULL;
}

static void all_is_reset(void **state)
{
	int status = -1;
	pid_t child;

	(void)state;
	if (!limits_can_be_reset())
		skip();
	child = fork();
	if (child == 0)
		_exit(reset_in_child());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(all_is_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
