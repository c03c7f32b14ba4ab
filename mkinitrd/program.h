/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* program.h - runs a program of the build machine. No shell. */
#pragma once

#include <sys/types.h>

#include "init/core/err.h"

/* Searches PATH and the sbin folders, which are not on everyone's PATH. The program
 * sees no environment but PATH and LC_ALL=C, so that no setting changes what it
 * makes; its messages go to our standard error. The caller waits for *ret.
 * Errors: ERR_SYSTEM, with hint as the way out. */
int program_start(char *const argv[], const char *hint, pid_t *ret, struct err *e);

/* Waits for it. name is for messages. Anything but exit status 0 is an error: ERR_SYSTEM. */
int program_wait(pid_t pid, const char *name, const char *hint, struct err *e);

/* Both. */
int program_run(char *const argv[], const char *hint, struct err *e);

/* Both, with what it prints, cut to max bytes with a NUL; its messages are not shown. One that
 * prints more is an error. */
int program_output(char *const argv[], const char *hint, char *ret, size_t max, struct err *e);
