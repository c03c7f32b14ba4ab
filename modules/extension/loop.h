/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop.h - a file as a read-only disk. */
#pragma once

#include <stdbool.h>

#include "init/core/err.h"

/* The device lives as long as fd is open or something uses it, then the kernel
 * clears it by itself. Empty: fd -1. */
struct loop {
	int fd;
	char name[32]; /* "loop0" */
};

/* Attaches the regular file at path, whose last part is no link, read-only, with 512-byte
 * sectors and, if that is wanted, its partitions. loop_detach() empties *ret.
 * Errors: ERR_UNSUPPORTED (the kernel has no loop devices), ERR_EXTENSION_MALFORMED (a link, or no
 * file), ERR_SYSTEM. */
int loop_attach_path(const char *path, bool partitions, struct loop *ret, struct err *e);

void loop_detach(struct loop *loop);
