/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* pipe2, CLONE_ */
#include "modules/fsck/fsck.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/clock.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/fsck/box.h"

enum { GRACE_MS = 5000, KILL_MS = 1000, LINE_BYTES = 240, MAX_LINES = 40 };

/* fsck(8), EXIT STATUS: one bit each. */
enum { CORRECTED = 1, REBOOT = 2, LEFT = 4 };

struct run {
	int pidfd, messages, report;
	bool ended;
	size_t n_line, n_lines;
	char line[LINE_BYTES];
};

static void run_done(struct run *r)
{
	fd_close(&r->pidfd);
	fd_close(&r->messages);
	fd_close(&r->report);
}

/* ---- what it says ---- */

static void log_line(struct run *r)
{
	if (r->n_line && r->n_lines++ < MAX_LINES)
		log_info("fsck: %.*s", (int)r->n_line, r->line);
	r->n_line = 0;
}

/* False at the end. */
static bool read_messages(struct run *r)
{
	char chunk[1024];
	ssize_t n = read(r->messages, chunk, sizeof(chunk));

	for (ssize_t i = 0; i < n; i++) {
		if (chunk[i] != '\n' && chunk[i] != '\r')
			r->line[r->n_line++] = chunk[i] ? chunk[i] : '?';
		if (chunk[i] == '\n' || chunk[i] == '\r' || r->n_line == sizeof(r->line))
			log_line(r);
	}
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* All that is there. */
static void drain(struct run *r)
{
	do
		errno = 0;
	while (read_messages(r) && errno == 0);
	log_line(r);
	if (r->n_lines > MAX_LINES)
		log_info("fsck: %zu lines more", r->n_lines - MAX_LINES);
}

/* ---- its life ---- */

static void watch(struct run *r, uint64_t deadline_ms)
{
	bool says = true;

	while (!r->ended) {
		struct pollfd fds[] = { { r->pidfd, POLLIN, 0 }, { says ? r->messages : -1, POLLIN, 0 } };
		int left = ms_until(deadline_ms), n = left ? poll(fds, 2, left) : 0;

		if (n == 0 || (n < 0 && errno != EINTR))
			return;
		if (n > 0 && fds[1].revents)
			says = read_messages(r);
		r->ended = n > 0 && fds[0].revents;
	}
}

static void end(struct run *r, int signal, int ms)
{
	if (r->ended)
		return;
	syscall(SYS_pidfd_send_signal, r->pidfd, signal, NULL, 0);
	watch(r, now_ms() + (uint64_t)ms);
}

static pid_t start(const struct fsck_box *box, int *ret_pidfd)
{
	static const unsigned long spaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;
	pid_t pid = (pid_t)syscall(SYS_clone, spaces | CLONE_PIDFD | SIGCHLD, 0, ret_pidfd, 0, 0);

	if (pid == 0)
		fsck_box_enter(box);
	return pid;
}

/* ---- what became of it ---- */

int fsck_judge(int exit_status, enum fsck_result *ret, struct err *e)
{
	if (exit_status & LEFT)
		return err_set(e, ERR_ROOT_FSCK, 0, "fsck leaves errors in it: exit status %d", exit_status);
	if (exit_status & REBOOT)
		return err_set(e, ERR_ROOT_FSCK, 0, "fsck has repaired it and wants the machine to reboot: exit status %d",
			       exit_status);
	if (exit_status & ~CORRECTED)
		return err_set(e, ERR_ROOT_FSCK, 0, "fsck could not do its work: exit status %d", exit_status);
	*ret = exit_status ? FSCK_REPAIRED : FSCK_CLEAN;
	return 0;
}

static int judge(const struct run *r, const struct fsck_request *q, bool in_time, int status,
		 enum fsck_result *ret, struct err *e)
{
	int32_t why;

	if (!r->ended)
		return err_set(e, ERR_ROOT_FSCK, 0, "fsck was killed and does not end");
	if (!in_time)
		return err_set(e, ERR_ROOT_FSCK, 0, "fsck was ended, as it took more than fsck-timeout=%u seconds",
			       q->timeout_s);
	if (read(r->report, &why, sizeof(why)) == sizeof(why))
		return why == ENOENT ? err_set(e, ERR_ROOT_FSCK, 0, "fsck cannot be executed: it is no static program") :
				       err_set(e, ERR_ROOT_FSCK, why, "fsck cannot be executed");
	if (!WIFEXITED(status))
		return err_set(e, ERR_ROOT_FSCK, 0, "fsck was ended by signal %d", WTERMSIG(status));
	return fsck_judge(WEXITSTATUS(status), ret, e);
}

static int run_in_box(const struct fsck_request *q, const struct fsck_box *box, struct run *r,
		      enum fsck_result *ret, struct err *e)
{
	int status = 0;
	bool in_time;
	pid_t pid = start(box, &r->pidfd);

	if (pid < 0)
		return err_set(e, ERR_ROOT_FSCK, errno, "start fsck in namespaces of its own");
	watch(r, now_ms() + 1000ull * q->timeout_s);
	in_time = r->ended;
	end(r, SIGTERM, GRACE_MS);
	end(r, SIGKILL, KILL_MS);
	while (r->ended && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	drain(r);
	return judge(r, q, in_time, status, ret, e);
}

/* Its other ends are closed when the program runs, so that its end is seen. */
static int run(const struct fsck_request *q, struct fsck_box *box, enum fsck_result *ret, struct err *e)
{
	SCOPED(run_done) struct run r = { .pidfd = -1, .messages = -1, .report = -1 };
	int messages[2] = { -1, -1 }, report[2] = { -1, -1 }, rc;

	if (pipe2(messages, O_CLOEXEC | O_NONBLOCK) == 0 && pipe2(report, O_CLOEXEC | O_NONBLOCK) == 0) {
		/* It waits for us to read. */
		fcntl(messages[1], F_SETFL, 0);
		box->messages = messages[1];
		box->report = report[1];
		r.messages = messages[0];
		r.report = report[0];
		rc = run_in_box(q, box, &r, ret, e);
	} else {
		rc = err_set(e, ERR_SYSTEM, errno, "make the pipes of fsck");
	}
	fd_close(&messages[1]);
	fd_close(&report[1]);
	return rc;
}

int fsck_run(const struct fsck_request *q, enum fsck_result *ret, struct err *e)
{
	char program[64], letter[] = { '-', q->repair, '\0' }, force[] = "-f", device[] = FSCK_DEVICE_IN_BOX;
	char *argv[] = { program, letter, q->force ? force : device, q->force ? device : NULL, NULL };
	struct fsck_box box = { .program = program, .argv = argv };
	struct stat st;
	int rc;

	snprintf(program, sizeof(program), "/usr/sbin/fsck.%s", q->filesystem);
	*ret = FSCK_NO_PROGRAM;
	if (access(program, F_OK) < 0)
		return 0;
	if (stat(q->device, &st) < 0 || !S_ISBLK(st.st_mode))
		return err_set(e, ERR_SYSTEM, 0, "'%s' is no block device", q->device);
	box.device = st.st_rdev;
	rc = make_dirs(FSCK_FOLDER, 0700, e);
	if (rc < 0)
		return rc;
	log_info("checking '%s' by '%s'", q->device, program);
	rc = run(q, &box, ret, e);
	rmdir(FSCK_FOLDER);
	return rc;
}
