/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* program.h - runs a program of the build machine and waits for it. No shell. */
#pragma once

#include "init/core/err.h"

/* Searches PATH and the sbin folders, which are not on everyone's PATH. The program
 * sees no environment but PATH and LC_ALL=C, so that no setting changes what it
 * makes; its messages go to our standard error. Anything but exit status 0 is an
 * error: ERR_SYSTEM, with hint as the way out. */
int program_run(char *const argv[], const char *hint, struct err *e);
