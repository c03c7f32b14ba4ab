/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs one hook: starts it, listens to it, ends it. */
#define _GNU_SOURCE /* memfd_create, pipe2, CLONE_ */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hooks/box.h"
#include "hooks/hooks.h"
#include "hooks/output.h"
#include "init/core/cleanup.h"
#include "init/core/clock.h"
#include "init/core/file.h"
#include "init/core/log.h"

enum {
	KILL_MS = 1000, /* what the kernel may take to end killed processes */
	MESSAGE_BYTES = 240,
	MESSAGES_MAX = 40, /* lines that are logged */
	MESSAGES_MAX_BYTES = 1024 * 1024, /* that are read at all */
};

enum how { RUNS, ENDED, TIMED_OUT, SAID_TOO_MUCH, CANNOT_WATCH, SURVIVED };

struct run {
	const struct hook *hook;
	int pidfd, answer, messages, report;
	enum how how;
	size_t n_answer, n_messages, n_lines, n_line;
	char line[MESSAGE_BYTES];
	char text[ANSWER_MAX_BYTES + 1];
};

static void run_done(struct run *r)
{
	fd_close(&r->pidfd);
	fd_close(&r->answer);
	fd_close(&r->messages);
	fd_close(&r->report);
}

/* ---- its output ---- */

static void log_line(struct run *r)
{
	if (r->n_lines++ < MESSAGES_MAX)
		log_info("hook '%s': %.*s", r->hook->name, (int)r->n_line, r->line);
	r->n_line = 0;
}

static void take_message(struct run *r, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\n')
			r->line[r->n_line++] = p[i] ? p[i] : '?';
		if (p[i] == '\n' || r->n_line == sizeof(r->line))
			log_line(r);
	}
}

/* Reads once, and closes what has ended. Returns how many bytes there were. */
static ssize_t read_some(int *fd, char *ret, size_t max)
{
	ssize_t n = read(*fd, ret, max);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		fd_close(fd);
		*fd = -1;
	}
	return n > 0 ? n : 0;
}

static bool read_messages(struct run *r)
{
	char chunk[4096];
	size_t n = (size_t)read_some(&r->messages, chunk, sizeof(chunk));

	take_message(r, chunk, n);
	r->n_messages += n;
	if (r->n_messages > MESSAGES_MAX_BYTES)
		r->how = SAID_TOO_MUCH;
	return n;
}

static bool read_answer(struct run *r)
{
	size_t n = (size_t)read_some(&r->answer, r->text + r->n_answer,
				     sizeof(r->text) - r->n_answer);

	r->n_answer += n;
	if (r->n_answer > ANSWER_MAX_BYTES)
		r->how = SAID_TOO_MUCH;
	return n;
}

/* ---- its life ---- */

/* Whoever talks without a pause must not push the deadline away. */
static void watch(struct run *r, uint64_t deadline_ms)
{
	while (r->how == RUNS) {
		struct pollfd fds[] = { { r->pidfd, POLLIN, 0 }, { r->answer, POLLIN, 0 },
					{ r->messages, POLLIN, 0 } };
		int left = ms_until(deadline_ms), n = left ? poll(fds, 3, left) : 0;

		if (n < 0 && errno != EINTR)
			r->how = CANNOT_WATCH;
		else if (n == 0)
			r->how = TIMED_OUT;
		if (n <= 0)
			continue;
		if (fds[1].revents)
			read_answer(r);
		if (fds[2].revents)
			read_messages(r);
		if (fds[0].revents && r->how == RUNS)
			r->how = ENDED;
	}
}

/* The kernel kills whatever else is in the PID namespace before its PID 1 is gone. */
static void end(struct run *r, pid_t pid)
{
	struct pollfd gone = { r->pidfd, POLLIN, 0 };
	uint64_t deadline_ms = now_ms() + KILL_MS;
	enum how how;
	int n;

	if (r->how != ENDED)
		syscall(SYS_pidfd_send_signal, r->pidfd, SIGKILL, NULL, 0);
	do
		n = poll(&gone, 1, ms_until(deadline_ms));
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		r->how = SURVIVED;
		return;
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	/* What is still in the pipes: a refusal counts whatever became of the hook. */
	how = r->how;
	while (r->n_answer <= ANSWER_MAX_BYTES && read_answer(r))
		;
	r->how = how == ENDED ? r->how : how;
	while (r->how == ENDED && read_messages(r))
		;
	if (r->n_line)
		log_line(r);
	if (r->n_lines > MESSAGES_MAX)
		log_info("hook '%s': %zu lines more", r->hook->name, r->n_lines - MESSAGES_MAX);
}

struct pipes {
	int at[6]; /* answer, messages, report; of each the end that reads, then the other */
};

static void pipes_done(struct pipes *p)
{
	for (size_t i = 0; i < 6; i++) {
		fd_close(&p->at[i]);
		p->at[i] = -1;
	}
}

/* Reading never blocks. The hook's ends do: its writes wait for us. */
static int pipes_make(struct pipes *ret)
{
	for (size_t i = 0; i < 6; i += 2)
		if (pipe2(ret->at + i, O_CLOEXEC) < 0 || fcntl(ret->at[i], F_SETFL, O_NONBLOCK) < 0)
			return -1;
	return 0;
}

/* A file of its own, so that a hook need not read it. */
static int open_view(const struct hook_request *q)
{
	static const unsigned seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	SCOPED(fd_close) int fd = memfd_create("slipway-view", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || write_full(fd, q->view, q->view_bytes) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS, seals) < 0)
		return -1;
	return fd_take(&fd);
}

static pid_t start(struct box *box, int *ret_pidfd)
{
	static const unsigned long spaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
					    CLONE_NEWNET;
	pid_t pid = (pid_t)syscall(SYS_clone, spaces | CLONE_PIDFD | SIGCHLD, 0, ret_pidfd, 0, 0);

	if (pid == 0)
		box_keep(box);
	return pid;
}

static int run_in_box(struct run *r, struct box *box, const struct hook_request *q, struct err *e)
{
	SCOPED(pipes_done) struct pipes p = { { -1, -1, -1, -1, -1, -1 } };
	SCOPED(fd_close) int view = open_view(q);
	pid_t pid;

	if (view < 0 || pipes_make(&p) < 0)
		return err_set(e, ERR_SYSTEM, errno, "make the pipes of hook '%s'", q->hook->name);
	box->input = view;
	box->output = p.at[1];
	box->messages = p.at[3];
	box->report = p.at[5];
	pid = start(box, &r->pidfd);
	if (pid < 0)
		return err_set(e, ERR_HOOK_FAILED, errno, "start hook '%s' in namespaces of its own",
			       q->hook->name);
	r->answer = fd_take(&p.at[0]);
	r->messages = fd_take(&p.at[2]);
	r->report = fd_take(&p.at[4]);
	pipes_done(&p); /* so that the hook's ends are the last */
	watch(r, q->deadline_ms);
	end(r, pid);
	return 0;
}

/* ---- what became of it ---- */

static int why_not_started(const struct run *r, const struct box_report *report, struct err *e)
{
	static const char *const steps[] = {
		[BOX_VIEW] = "make the view of", [BOX_FORK] = "start",
		[BOX_PRIVILEGES] = "take the privileges of", [BOX_EXECUTE] = "execute",
	};

	if (report->step == BOX_EXECUTE && report->value == ENOENT)
		return err_set(e, ERR_HOOK_FAILED, 0, "hook '%s' names an interpreter or dynamic linker "
			       "that the initrd lacks", r->hook->name);
	return err_set(e, ERR_HOOK_FAILED, report->value, "%s hook '%s'", steps[report->step],
		       r->hook->name);
}

static int failed(const struct run *r, enum err_code code, const char *how, unsigned number,
		  struct err *e)
{
	return number ? err_set(e, code, 0, "hook '%s' %s %u", r->hook->name, how, number) :
			err_set(e, code, 0, "hook '%s' %s", r->hook->name, how);
}

static int judge_end(const struct run *r, const struct answer *a, struct err *e)
{
	struct box_report report;
	int status;

	if (read(r->report, &report, sizeof(report)) != sizeof(report))
		return failed(r, ERR_HOOK_FAILED, "was killed, as if memory had run out", 0, e);
	if (report.step != BOX_ENDED)
		return why_not_started(r, &report, e);
	status = report.value;
	if (WIFSIGNALED(status))
		return failed(r, ERR_HOOK_FAILED, "was ended by signal", (unsigned)WTERMSIG(status), e);
	if (WEXITSTATUS(status))
		return failed(r, ERR_HOOK_FAILED, "failed with exit status",
			      (unsigned)WEXITSTATUS(status), e);
	if (a->complaint)
		return err_set(e, ERR_HOOK_FAILED, 0, "line %u of what hook '%s' answers %s", a->line,
			       r->hook->name, a->complaint);
	return a->kind == ANSWER_CONTINUE ? 0 : failed(r, ERR_HOOK_FAILED, "gave no answer", 0, e);
}

static int judge(const struct run *r, const struct answer *a, struct err *e)
{
	/* Whatever became of it afterwards. */
	if (a->kind == ANSWER_REFUSE)
		return err_set(e, ERR_HOOK_REFUSED, 0, "hook '%s' refuses: %s", r->hook->name, a->reason);
	switch (r->how) {
	case ENDED:
		return judge_end(r, a, e);
	case TIMED_OUT:
		return failed(r, ERR_HOOK_TIMEOUT, "was killed, as it did not end within seconds:",
			      r->hook->declaration.deadline_s, e);
	case SAID_TOO_MUCH:
		return failed(r, ERR_HOOK_FAILED, "was killed, as it wrote too much", 0, e);
	case SURVIVED:
		return failed(r, ERR_HOOK_TIMEOUT, "was killed and does not end", 0, e);
	default:
		return failed(r, ERR_SYSTEM, "cannot be watched, and was killed", 0, e);
	}
}

/* A hook that still runs has its files open, so the box stays. */
static int run(struct run *r, const struct hook_request *q, struct hook_result *ret, struct err *e)
{
	SCOPED(mem_free) struct box *box = calloc(1, sizeof(*box));
	int rc;

	if (!box)
		return err_set(e, ERR_MEMORY, 0, "no memory for hook '%s'", q->hook->name);
	box->hook = q->hook;
	rc = box_open(box, q->credentials, e);
	if (rc >= 0)
		rc = run_in_box(r, box, q, e);
	if (rc >= 0) {
		answer_parse(r->text, r->n_answer, &ret->answer);
		rc = judge(r, &ret->answer, e);
	}
	if (rc >= 0)
		rc = output_take(BOX_FOLDER, &q->hook->declaration, ret->files, e);
	if (r->how != SURVIVED)
		box_close();
	return rc;
}

int hook_run(const struct hook_request *q, struct hook_result *ret, struct err *e)
{
	struct run r = { .hook = q->hook, .pidfd = -1, .answer = -1, .messages = -1, .report = -1 };
	int rc;

	*ret = (struct hook_result){ .start_us = now_us(), .verdict = HOOK_CONTINUED };
	rc = run(&r, q, ret, e);
	run_done(&r);
	ret->duration_us = now_us() - ret->start_us;
	if (rc >= 0)
		return 0;
	ret->why = *e;
	ret->verdict = e->code == ERR_HOOK_REFUSED ? HOOK_REFUSED : HOOK_FAILED;
	if (ret->verdict == HOOK_REFUSED || r.how == SURVIVED || !q->hook->declaration.skip)
		return rc;
	ret->verdict = HOOK_SKIPPED;
	return 0;
}
