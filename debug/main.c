/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* main.c - what only debug images have: asks on the console for the key, and becomes the shell.
 * init starts it after a failure, when PCR 11 is capped and secrets are gone. Spec:
 * slipway-mkinitrd(8), debug-shell. */
#define _GNU_SOURCE /* explicit_bzero */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "debug/key.h"
#include "init/core/clock.h"

#define SHELL "/debug/shell"

enum { TRIES = 3, PATIENCE_S = 60 };

static void say(const char *text)
{
	ssize_t n = write(STDOUT_FILENO, text, strlen(text));

	(void)n; /* a console that takes nothing can be asked nothing */
}

/* So that ^C reaches what runs in the shell, and the shell has jobs. */
static void take_console(void)
{
	setsid();
	ioctl(STDIN_FILENO, TIOCSCTTY, 1);
}

/* Lines, with or without what is typed. Whatever was typed before counts for nothing. */
static bool set_echo(bool on)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &t) < 0)
		return false;
	t.c_iflag |= ICRNL;
	t.c_lflag |= ICANON | ISIG | ECHOE | ECHOK;
	t.c_lflag = on ? t.c_lflag | ECHO : t.c_lflag & ~(tcflag_t)ECHO;
	return tcsetattr(STDIN_FILENO, TCSAFLUSH, &t) == 0;
}

/* Returns 1 if the key was typed, 0 if something else was, -1 if nothing was in time. */
static int ask(int try, const char *hash, uint64_t deadline_ms)
{
	struct pollfd typed = { STDIN_FILENO, POLLIN, 0 };
	char line[KEY_MAX_BYTES + 2], text[64];
	ssize_t n;
	bool opens;

	snprintf(text, sizeof(text), "\nKey of the debug shell (%d of %d): ", try, TRIES);
	say(text);
	if (poll(&typed, 1, ms_until(deadline_ms)) <= 0)
		return -1;
	n = read(STDIN_FILENO, line, sizeof(line));
	opens = n > 0 && key_line(line, (size_t)n) && key_opens(hash, line);
	explicit_bzero(line, sizeof(line));
	return opens;
}

static bool may_enter(const char *hash)
{
	uint64_t deadline_ms = now_ms() + 1000ull * PATIENCE_S;
	int answer = 0;

	for (int i = 1; i <= TRIES && answer == 0; i++) {
		if (!set_echo(false))
			return false;
		answer = ask(i, hash, deadline_ms);
		if (answer == 0)
			say("\nThat is not the key.");
	}
	return answer > 0;
}

int main(int argc, char *argv[])
{
	char *const words[] = { "sh", NULL };
	char *const variables[] = { "PATH=/debug/bin:/usr/bin:/usr/sbin", "HOME=/", "TERM=linux", NULL };

	if (argc != 2) {
		say("This is for the init of a debug image; see slipway-mkinitrd(8).\n");
		return 2;
	}
	take_console();
	if (!may_enter(argv[1])) {
		say("\nNo debug shell.\n");
		return 1;
	}
	set_echo(true);
	say("\nDebug shell. PCR 11 is capped: nothing sealed to this image opens.\n"
	    "The machine goes on to its end when the shell ends.\n");
	execve(SHELL, words, variables);
	say("It cannot be executed.\n");
	return 1;
}
