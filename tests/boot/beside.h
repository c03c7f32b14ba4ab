/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* beside.h - a program that is PID 1 before init and leaves a process beside it. beside.c has its
 * main(), which executes /init. */
#pragma once

#include <stdbool.h>

/* Called while there is no init yet, nor anything mounted. 0, or -1 to end the boot. */
int before_init(void);

/* What the process does; returns its exit status. */
int beside_init(void);

/* Is something mounted on a folder of the initrd? */
bool is_mounted(const char *path);

/* Returns when something is mounted there. The process's own /proc is at PROC then. */
#define PROC "/beside.proc"
int await_mount(const char *path);

/* To the console, when init has mounted /dev. */
void say(const char *text);
