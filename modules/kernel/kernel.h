/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kernel.h - kernel modules and device events, in the background.
 *
 * A thread reads uevents from netlink; others load modules: dependencies
 * first, and of those that are ready what holds up most. Whoever needs a device
 * waits for an event, never polls. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"

struct kernel;

struct module_load {
	char name[56];
	uint64_t start_us; /* CLOCK_BOOTTIME */
	uint64_t duration_us;
	int errnum; /* 0 if loaded */
};

/* Opens libkmod (modules.dep and friends of the running kernel, options from
 * modprobe.d and the command line) and the uevent socket, starts the threads,
 * and queues the drivers of all devices present. An initrd without modules
 * is fine. timeout_ms is how long kernel_require() waits for a module, whose hardware
 * may hang. Errors: ERR_MODULES, ERR_SYSTEM, ERR_MEMORY. */
int kernel_start(uint64_t timeout_ms, struct kernel **ret, struct err *e);

/* Queues modules by name or alias and returns at once; what is built in, loaded
 * or queued already is skipped, what is unknown is for the debug log. */
void kernel_want(struct kernel *k, const char *const *names, size_t n);

/* Loads the module (name or alias) and waits for it. Errors: ERR_MODULES. */
int kernel_require(struct kernel *k, const char *name, struct err *e);

/* After the initrd was extended: reads the module lists again, looks for modules that they lack,
 * and looks at all devices again. */
int kernel_reload(struct kernel *k, struct err *e);

/* Calls done(arg, e) now, and after every device event and every loaded module, until it
 * returns non-zero (which is returned; negative with *e filled) or the deadline passes,
 * whatever goes on then: ERR_TIMEOUT. After 3 s and every 10 s from then on there is a
 * line ("waiting for WHAT, N s left", also on a quiet console). done runs in the calling thread. */
int kernel_wait(struct kernel *k, int (*done)(void *arg, struct err *e), void *arg,
		const char *what, uint64_t deadline_ms, struct err *e);

/* What was loaded so far, in the order of completion. The caller frees *ret.
 * Returns the count. */
size_t kernel_loaded(struct kernel *k, struct module_load **ret);

/* How long a boot that failed anyway waits for the modules in flight. */
enum { KERNEL_STOP_MS = 5000 };

/* Ends the threads, waits for module loads in flight, frees everything. Errors:
 * ERR_MODULES, naming a module whose load had not ended at the deadline: its thread,
 * and what that needs, is left behind. */
int kernel_stop(struct kernel *k, uint64_t deadline_ms, struct err *e);
