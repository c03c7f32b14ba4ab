/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* exitrd.h - the way back: what the host cannot take down because it stands on it.
 * Spec: systemd's initrd interface. systemd-shutdown(8) makes /run/initramfs its root, moves its old
 * one to /oldroot, and executes /shutdown with what is to be done. */
#pragma once

#include <stdbool.h>

#include "init/core/err.h"

/* Copies the running program to /run/initramfs/shutdown, and what says that this is an initrd
 * beside it. On failure nothing that could be executed stays. Errors: ERR_SYSTEM, ERR_MEMORY. */
int exitrd_make(struct err *e);

/* Is this what systemd-shutdown executed, and not the init of an initrd? */
bool exitrd_entered(const char *argv0);

/* Unmounts all of /oldroot and takes down all loop devices and those of device mapper, which may lie
 * on each other. What stays busy is at last taken out of sight. Says what did not work, and goes on. */
void exitrd_take_down(void);
