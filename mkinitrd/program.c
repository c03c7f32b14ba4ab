/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "mkinitrd/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/core/cleanup.h"

static bool find_in(const char *folders, const char *name, char ret[static PATH_MAX])
{
	for (const char *at = folders; *at;) {
		size_t n = strcspn(at, ":");
		int used = snprintf(ret, PATH_MAX, "%.*s/%s", (int)n, at, name);

		if (n && used < PATH_MAX && access(ret, X_OK) == 0)
			return true;
		at += n + (at[n] == ':');
	}
	return false;
}

/* Its output goes to the descriptor and its messages nowhere; -1: both to our standard error. */
static int spawn(const char *path, char *const argv[], int output, pid_t *ret)
{
	char *environment[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				"LC_ALL=C", NULL };
	posix_spawn_file_actions_t files;
	int rc = posix_spawn_file_actions_init(&files);

	if (rc)
		return rc;
	rc = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&files, output < 0 ? STDERR_FILENO : output,
						      STDOUT_FILENO);
	if (!rc && output >= 0)
		rc = posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (!rc)
		rc = posix_spawn(ret, path, &files, NULL, argv, environment);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

static int start(char *const argv[], int output, const char *hint, pid_t *ret, struct err *e)
{
	const char *search = getenv("PATH");
	char path[PATH_MAX];
	int rc;

	if (!find_in(search ? search : "", argv[0], path) &&
	    !find_in("/usr/sbin:/sbin:/usr/bin:/bin", argv[0], path))
		return err_set(e, ERR_SYSTEM, 0, "the program '%s' is not installed; %s", argv[0],
			       hint);
	rc = spawn(path, argv, output, ret);
	return rc ? err_set(e, ERR_SYSTEM, rc, "start '%s'", path) : 0;
}

int program_start(char *const argv[], const char *hint, pid_t *ret, struct err *e)
{
	return start(argv, -1, hint, ret, e);
}

int program_wait(pid_t pid, const char *name, const char *hint, struct err *e)
{
	int status;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_set(e, ERR_SYSTEM, errno, "wait for '%s'", name);
	if (WIFSIGNALED(status))
		return err_set(e, ERR_SYSTEM, 0, "'%s' was ended by signal %d", name,
			       WTERMSIG(status));
	if (WEXITSTATUS(status))
		return err_set(e, ERR_SYSTEM, 0, "'%s' failed with exit status %d; %s", name,
			       WEXITSTATUS(status), hint);
	return 0;
}

int program_run(char *const argv[], const char *hint, struct err *e)
{
	pid_t pid;
	int rc = program_start(argv, hint, &pid, e);

	return rc < 0 ? rc : program_wait(pid, argv[0], hint, e);
}

int program_output(char *const argv[], const char *hint, char *ret, size_t max, struct err *e)
{
	int ends[2];
	size_t n = 0;
	ssize_t got;
	pid_t pid;
	int rc;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, ERR_SYSTEM, errno, "make a pipe for '%s'", argv[0]);
	rc = start(argv, ends[1], hint, &pid, e);
	fd_close(&ends[1]);
	while (rc >= 0 && n + 1 < max && (got = read(ends[0], ret + n, max - 1 - n)) > 0)
		n += (size_t)got;
	/* Whoever writes on ends by that. */
	fd_close(&ends[0]);
	if (rc < 0)
		return rc;
	ret[n] = '\0';
	return program_wait(pid, argv[0], hint, e);
}
