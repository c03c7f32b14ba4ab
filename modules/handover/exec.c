/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/handover/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"

/* Not in the musl of all distributions. */
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

#define SYSTEMD_STATE "/run/systemd"

enum {
	N_OWN_WORDS = 3, /* "--switched-root", "--system" and "--deserialize=N" */
	/* systemd promises nothing about its serialization. Of these it is known that they read it. */
	FIRST_VERSION = 252,
	LAST_VERSION = 262,
};

/* A memfd, at its start, with what systemd is to know of the initrd: the names are
 * those of its manager's serialization, which ends with an empty line. */
static int make_state(const struct handover_exec *x, struct err *e)
{
	SCOPED(fd_close) int fd = memfd_create("slipway-handover", MFD_CLOEXEC);
	char text[160];
	int n = snprintf(text, sizeof(text),
			 "previous-objective=switch-root\n"
			 "initrd-timestamp=%" PRIu64 " %" PRIu64 "\n\n",
			 x->start_realtime_us, x->start_monotonic_us);

	if (fd < 0)
		return err_set(e, ERR_SWITCH, errno, "make the memfd for the new init");
	if (write_full(fd, text, (size_t)n) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, ERR_SWITCH, errno, "write the memfd for the new init");
	return fd_take(&fd);
}

static size_t count(char *const *words)
{
	size_t n = 0;

	while (words && words[n])
		n++;
	return n;
}

/* The new init, own words, then the kernel's beyond its argv[0]. The caller frees the
 * array, not the words. */
static char **make_argv(const struct handover_exec *x, const char *const *own, size_t n_own)
{
	size_t n_given = count(x->argv), n = 0;
	char **argv = calloc(1 + n_own + n_given + 1, sizeof(*argv));

	if (!argv)
		return NULL;
	argv[n++] = (char *)x->init;
	for (size_t i = 0; i < n_own; i++)
		argv[n++] = (char *)own[i];
	for (size_t i = 1; i < n_given; i++)
		argv[n++] = x->argv[i];
	return argv;
}

/* What these say only an initrd or a manager knows. The kernel makes variables of the words
 * of its command line that it does not know, and anybody may have added those. */
static const char *const never_given[] = {
	"CREDENTIALS_DIRECTORY", "ENCRYPTED_CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET",
	"RD_TIMESTAMP",          "SYSTEMD_IN_INITRD",               "container",
};

static bool is_dropped(const struct handover_exec *x, const char *word)
{
	size_t n = strcspn(word, "=");

	for (size_t i = 0; i < sizeof(never_given) / sizeof(*never_given); i++)
		if (strncmp(never_given[i], word, n) == 0 && !never_given[i][n])
			return true;
	for (size_t i = 0; x->variables && x->variables[i]; i++)
		if (strncmp(x->variables[i], word, n) == 0 && x->variables[i][n] == '=')
			return true;
	return false;
}

/* The kernel's, but those that are never given, nor those that we set: of two with one name
 * the first would count. The caller frees the array, not the words. */
static char **make_envp(const struct handover_exec *x)
{
	size_t n_ours = count((char *const *)x->variables), n_given = count(x->envp), n = 0;
	char **envp = calloc(n_ours + n_given + 1, sizeof(*envp));

	if (!envp)
		return NULL;
	for (size_t i = 0; i < n_given; i++)
		if (!is_dropped(x, x->envp[i]))
			envp[n++] = x->envp[i];
	for (size_t i = 0; i < n_ours; i++)
		envp[n++] = (char *)x->variables[i];
	return envp;
}

static int execute(const struct handover_exec *x, const char *const *own, size_t n_own,
		   struct err *e)
{
	SCOPED(mem_free) char **argv = make_argv(x, own, n_own);
	SCOPED(mem_free) char **envp = make_envp(x);

	if (!argv || !envp)
		return err_set(e, ERR_MEMORY, 0, "no memory for the arguments of '%s'", x->init);
	execve(x->init, argv, envp);
	return err_set(e, ERR_SWITCH, errno, "execute '%s'", x->init);
}

/* --deserialize= without --switched-root hangs systemd: the two are one. */
static int execute_systemd(const struct handover_exec *x, struct err *e)
{
	SCOPED(fd_close) int state = make_state(x, e);
	SCOPED(fd_close) int inherited = -1;
	const char *own[N_OWN_WORDS] = { "--switched-root", "--system" };
	char word[32];

	if (state < 0)
		return state;
	/* The one descriptor without O_CLOEXEC, and never one of the standard three. */
	inherited = fcntl(state, F_DUPFD, 3);
	if (inherited < 0)
		return err_set(e, ERR_SWITCH, errno, "duplicate the memfd for the new init");
	snprintf(word, sizeof(word), "--deserialize=%d", inherited);
	own[N_OWN_WORDS - 1] = word;
	return execute(x, own, N_OWN_WORDS, e);
}

/* Another init must not take what is there for the state of a running systemd. */
static int execute_other(const struct handover_exec *x, struct err *e)
{
	if (rename(SYSTEMD_STATE, SYSTEMD_STATE ".pre-switch-root") < 0 && errno != ENOENT)
		log_warning("cannot rename '%s', leaving it: %m", SYSTEMD_STATE);
	return execute(x, NULL, 0, e);
}

/* Started as by the kernel, any version does all that it must; it has no times of an initrd. */
static int execute_any_systemd(const struct handover_exec *x, struct err *e)
{
	if (x->systemd_version >= FIRST_VERSION && x->systemd_version <= LAST_VERSION)
		return execute_systemd(x, e);
	log_info("systemd %u is not known to take the initrd's times, starting it without",
		 x->systemd_version);
	return execute(x, NULL, 0, e);
}

int handover_exec(const struct handover_exec *x, struct err *e)
{
	struct handover_exec other = *x;
	struct err ignored; /* the first failure is the one that counts */
	int rc;

	/* All have O_CLOEXEC at birth; this is for those of the libraries. They are not
	 * closed, so that the log still works should exec fail. */
	if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		log_warning("cannot mark descriptors to be closed, going on: %m");
	rc = x->is_systemd ? execute_any_systemd(x, e) : execute_other(x, e);
	other.init = "/sbin/init";
	if (strcmp(x->init, other.init) != 0) {
		log_warning("%s; trying '%s'", e->what, other.init);
		(void)!execute_other(&other, &ignored);
	}
	return rc;
}
