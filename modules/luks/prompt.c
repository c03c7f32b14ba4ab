/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/luks/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/clock.h"
#include "init/core/file.h"

/* Line by line, so that the terminal edits it, and it comes at once. */
static int read_line(int fd, int timeout_ms, struct luks_secret *ret, struct err *e)
{
	uint64_t deadline_ms = now_ms() + (uint64_t)timeout_ms;
	struct pollfd input = { .fd = fd, .events = POLLIN };
	ssize_t n;
	int ready;

	do
		ready = poll(&input, 1, ms_until(deadline_ms));
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return err_set(e, ERR_LUKS_LOCKED, ready < 0 ? errno : 0, "nobody typed a passphrase");
	n = read(fd, ret->p, sizeof(ret->p));
	if (n < 0)
		return err_set(e, ERR_LUKS_LOCKED, errno, "read from the terminal");
	/* Without its end it is none, or only the beginning of one. */
	ret->n = n > 0 && ret->p[n - 1] == '\n' ? (size_t)n - 1 : 0;
	ret->p[ret->n] = '\0';
	return 0;
}

int prompt_secret(const char *terminal, const char *question, int timeout_ms,
		  struct luks_secret *ret, struct err *e)
{
	SCOPED(fd_close) int fd = open(terminal, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios before, quiet;
	int rc;

	if (fd < 0 || tcgetattr(fd, &before) < 0)
		return err_set(e, ERR_LUKS_LOCKED, errno, "'%s' is no terminal to ask at", terminal);
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ISIG);
	quiet.c_lflag |= ICANON | ECHOE;
	quiet.c_iflag |= ICRNL;
	/* With what was typed before it. */
	if (tcsetattr(fd, TCSAFLUSH, &quiet) < 0 || write_full(fd, question, strlen(question)) < 0)
		return err_set(e, ERR_LUKS_LOCKED, errno, "ask at '%s'", terminal);
	rc = read_line(fd, timeout_ms, ret, e);
	tcsetattr(fd, TCSAFLUSH, &before);
	write_full(fd, "\r\n", 2);
	return rc;
}
