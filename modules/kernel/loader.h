/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loader.h - loads modules in the background, in parallel by dependency. */
#pragma once

#include <stdbool.h>

#include "modules/kernel/graph.h"
#include "modules/kernel/kernel.h"
#include "modules/kernel/thread.h"

struct loader;

enum { LOADER_MAX_WORKERS = 4 };

struct loader_setup {
	const char *modules;       /* folder of modules.dep.bin; may not exist (yet) */
	const char *const *config; /* folders of options; NULL: modprobe's own */
	unsigned n_workers;        /* at most LOADER_MAX_WORKERS */
	/* Loads one file; returns 0 or an errno. Called from several threads. */
	int (*insert)(const char *path, const char *options);
};

/* Keeps setup and news, which must outlive the loader, and tells news of each
 * module that was loaded. Without module lists it starts no threads.
 * Errors: ERR_MODULES, ERR_SYSTEM, ERR_MEMORY. */
int loader_open(const struct loader_setup *setup, struct news *news, struct loader **ret,
		struct err *e);

/* Until this is called one worker loads what is wanted first; from now on all do, and what is
 * urgent may have been queued meanwhile. Errors: ERR_SYSTEM; those that there are go on. */
int loader_spread(struct loader *l, struct err *e);

/* Reads the module lists again, and looks for modules that they lack. Errors as above. */
int loader_reload(struct loader *l, struct err *e);

/* Queues what wish stands for. Returns 1, 0 if there is no such module, or
 * ERR_MODULES, ERR_MEMORY. */
int loader_want(struct loader *l, const char *wish, enum wish_kind kind, struct err *e);

/* Queues what wish stands for, more urgent than all else, and waits for it: of
 * several modules one must load, before the deadline. */
int loader_require(struct loader *l, const char *wish, uint64_t deadline_ms, struct err *e);

/* As kernel_loaded(). */
size_t loader_loaded(struct loader *l, struct module_load **ret);

/* Waits for the loads in flight, drops what is queued. Errors: ERR_MODULES, naming
 * a module that is still being loaded at the deadline. The loader stays as it is
 * then, for its thread: it, news and setup must be left alone, or closed again. */
int loader_close(struct loader *l, uint64_t deadline_ms, struct err *e);

/* The real insert: finit_module(2). That it is loaded already is fine. */
int loader_insert(const char *path, const char *options);
