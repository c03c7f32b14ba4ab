/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop.h - a file as a read-only disk. */
#pragma once

#include "init/core/err.h"

/* The device lives as long as fd is open or something uses it, then the kernel
 * clears it by itself. Empty: fd -1. */
struct loop {
	int fd;
	char name[32]; /* "loop0" */
};

/* Attaches the open file, read-only, 512-byte sectors, with its partitions.
 * The caller may close file_fd afterwards. loop_detach() empties *ret.
 * Errors: ERR_UNSUPPORTED (the kernel has no loop devices), ERR_SYSTEM. */
int loop_attach(int file_fd, struct loop *ret, struct err *e);

void loop_detach(struct loop *loop);
