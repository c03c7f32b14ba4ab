/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* graph.h - which modules are to be loaded, and in which order (libkmod).
 *
 * A module is ready when everything that it depends on is loaded; what is ready
 * can be loaded in parallel. Not thread-safe, as libkmod is not: one lock of the
 * caller guards the graph and all modules in it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"
#include "modules/kernel/unlisted.h"

struct kmod_ctx;

enum {
	GRAPH_MAX_MODULES = 1024,
	GRAPH_MAX_DEPTH = 32,   /* of soft dependencies: modules.dep is flat */
	GRAPH_MAX_MATCHES = 16, /* of one alias, such as crypto-sha256 */
};

enum module_state {
	MODULE_RESOLVING, /* its dependencies are being added */
	MODULE_WAITING,   /* for a dependency */
	MODULE_READY,
	MODULE_LOADING,
	MODULE_DONE,      /* errnum says how it ended */
};

/* Why something is to be loaded, the least urgent first. */
enum wish_kind {
	WISH_LISTED,  /* by name; each before those that are listed after it */
	WISH_DEVICE,  /* by modalias; a driver, whose hardware takes its time while the CPU checks
		       * the next one. May be blacklisted. */
	WISH_AWAITED, /* by name; somebody waits for it right now */
};

/* Owned by the graph. */
struct module {
	const char *name, *path, *options;
	enum module_state state;
	int errnum;
	uint64_t n_bytes; /* of the file */
	/* The urgency of who wished for it, n_bytes and the highest rank that waits
	 * for it: the kernel hashes and copies every byte, so of equally urgent ones
	 * what holds up most is loaded first. */
	uint64_t rank;
	size_t n_waiting; /* dependencies that are not done */
	struct edge *dependents;
	size_t n_dependents;
	struct kmod_module *kmod;
	struct kmod_list *post; /* soft dependencies to be loaded afterwards */
	struct module *next;
};

/* Zeroed, it knows no modules. */
struct graph {
	struct kmod_ctx *kmod;
	struct module *modules;
	size_t n_modules;
	size_t n_listed;
	uint64_t urgency; /* in rank, of the modules that are being added */
	struct unlisted *unlisted;
};

/* What a name or alias stands for. Modules that are built in, or were loaded by
 * somebody else, count as known and are not listed. */
struct matches {
	struct module *modules[GRAPH_MAX_MATCHES];
	size_t n;
	bool known;
};

/* Opens (again) the module lists in the folder modules, and the options in the
 * folders config (NULL: modprobe's own) and /proc/cmdline. Loaded and waiting
 * modules stay as they are; failed ones are forgotten and may be tried again.
 * Errors: ERR_MODULES; the lists that were open stay open then. */
int graph_open(struct graph *g, const char *modules, const char *const *config, struct err *e);

/* Looks below the folder modules for those that the lists lack: their own words then serve, their
 * names, aliases and what they depend on. */
void graph_scan(struct graph *g, const char *modules);

void graph_done(struct graph *g);

/* Adds the modules that wish, a name or an alias, stands for, with all that they
 * need, or makes them more urgent. Errors: ERR_MODULES, ERR_MEMORY. */
int graph_add(struct graph *g, const char *wish, enum wish_kind kind, struct matches *ret,
	      struct err *e);

/* The ready module with the highest rank, LOADING from now on; NULL if none. */
struct module *graph_take(struct graph *g);

/* Ends the loading of m with 0 or an errno. Modules that depend on m become
 * ready, or fail with it. */
void graph_finish(struct graph *g, struct module *m, int errnum);

/* A module that is being loaded; NULL if none. */
const struct module *graph_loading(const struct graph *g);

size_t graph_count_ready(const struct graph *g);
