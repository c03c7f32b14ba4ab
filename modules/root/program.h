/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* program.h - whether the kernel could execute a program of the new root. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "init/core/err.h"

/* Checks that path is an executable file, and either a program for this machine whose
 * loader is there or a script whose interpreter is such a program; each path is resolved
 * inside root. writable: the links to /usr that the switch makes where nothing is count
 * as made. Fills *ret. Errors: ERR_ROOT_NO_INIT, naming what is missing. */
int root_program_check(int root, bool writable, const char *path, struct stat *ret, struct err *e);
