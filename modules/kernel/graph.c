/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/kernel/graph.h"

#include <errno.h>
#include <libkmod.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/elf.h"
#include "init/core/log.h"

/* More than all that can be loaded has bytes. */
#define URGENCY_STEP (UINT64_C(1) << 40)

enum { MAX_LISTED = 64 }; /* that have an order; the rest comes after them */

struct edge {
	struct module *to;
	bool soft; /* wants it, does not need it */
};

static void list_drop(struct kmod_list **list)
{
	kmod_module_unref_list(*list);
}

static void module_drop(struct kmod_module **module)
{
	kmod_module_unref(*module);
}

static void context_drop(struct kmod_ctx **kmod)
{
	kmod_unref(*kmod);
}

static void module_free(struct module *m)
{
	kmod_module_unref_list(m->post);
	kmod_module_unref(m->kmod);
	free(m->dependents);
	free(m);
}

/* libkmod's own destination is stderr. */
__attribute__((format(printf, 6, 0)))
static void log_library(void *data, int priority, const char *file, int line, const char *function,
			const char *format, va_list ap)
{
	char text[256];

	(void)data, (void)priority, (void)file, (void)line;
	vsnprintf(text, sizeof(text), format, ap);
	text[strcspn(text, "\n")] = '\0';
	log_debug("%s: %s", function, text);
}

/* Failed modules have no dependents left, so nothing points to them. */
static void forget_failed(struct graph *g)
{
	for (struct module **at = &g->modules; *at;) {
		struct module *m = *at;

		if (m->state != MODULE_DONE || !m->errnum) {
			at = &m->next;
			continue;
		}
		*at = m->next;
		g->n_modules--;
		module_free(m);
	}
}

int graph_open(struct graph *g, const char *modules, const char *const *config, struct err *e)
{
	SCOPED(context_drop) struct kmod_ctx *kmod = kmod_new(modules, config);

	if (!kmod)
		return err_set(e, ERR_MODULES, errno, "open the module lists in '%s'", modules);
	kmod_set_log_fn(kmod, log_library, NULL);
	/* Maps the indexes once; without it each lookup opens them. */
	if (kmod_load_resources(kmod) < 0)
		log_debug("some module lists in '%s' are missing", modules);
	/* Modules of the old lists keep them alive by reference. */
	kmod_unref(g->kmod);
	g->kmod = ptr_take(&kmod);
	forget_failed(g);
	return 0;
}

static bool is_listed(void *arg, const char *name)
{
	SCOPED(module_drop) struct kmod_module *kmod = NULL;
	struct graph *g = arg;
	const char *path;

	if (kmod_module_new_from_name(g->kmod, name, &kmod) < 0)
		return false;
	path = kmod_module_get_path(kmod);
	return path && access(path, F_OK) == 0;
}

void graph_scan(struct graph *g, const char *modules)
{
	unlisted_free(g->unlisted);
	g->unlisted = g->kmod ? unlisted_scan(modules, is_listed, g) : NULL;
}

void graph_done(struct graph *g)
{
	struct module *next;

	for (struct module *m = g->modules; m; m = next) {
		next = m->next;
		module_free(m);
	}
	unlisted_free(g->unlisted);
	kmod_unref(g->kmod);
	*g = (struct graph){ 0 };
}

static struct module *find(const struct graph *g, const char *name)
{
	struct module *m = g->modules;

	while (m && strcmp(m->name, name) != 0)
		m = m->next;
	return m;
}

/* Returns 0 or an errno. */
static int module_new(struct graph *g, struct kmod_module *kmod, struct module **ret)
{
	struct module *m;
	struct stat st;

	if (g->n_modules == GRAPH_MAX_MODULES)
		return E2BIG;
	m = calloc(1, sizeof(*m));
	if (!m)
		return ENOMEM;
	m->kmod = kmod_module_ref(kmod);
	m->name = kmod_module_get_name(kmod);
	m->path = kmod_module_get_path(kmod);
	m->options = kmod_module_get_options(kmod);
	if (!m->path || stat(m->path, &st) < 0)
		m->errnum = ENOENT;
	else
		m->n_bytes = (uint64_t)st.st_size;
	m->rank = g->urgency + m->n_bytes;
	m->next = g->modules;
	g->modules = m;
	g->n_modules++;
	*ret = m;
	return 0;
}

/* Raises m to a rank, and what it needs with it. */
static void raise_rank(struct graph *g, struct module *m, uint64_t rank)
{
	if (m->state == MODULE_DONE || m->rank >= rank)
		return;
	m->rank = rank;
	for (struct module *n = g->modules; n; n = n->next)
		for (size_t i = 0; i < n->n_dependents; i++)
			if (n->dependents[i].to == m)
				raise_rank(g, n, n->n_bytes + rank);
}

/* Makes m wait for needed. Edges only lead to modules that were complete before
 * m is, so there are no circles: a soft dependency that would close one finds
 * its module RESOLVING. Returns 0 or an errno. */
static int wait_for(struct graph *g, struct module *m, struct module *needed, bool soft)
{
	struct edge *edges;

	if (needed->state == MODULE_RESOLVING)
		return 0;
	if (needed->state == MODULE_DONE)
		return soft ? 0 : needed->errnum;
	edges = reallocarray(needed->dependents, needed->n_dependents + 1, sizeof(*edges));
	if (!edges)
		return ENOMEM;
	edges[needed->n_dependents++] = (struct edge){ m, soft };
	needed->dependents = edges;
	raise_rank(g, needed, needed->n_bytes + m->rank);
	m->n_waiting++;
	return 0;
}

static int add_module(struct graph *g, struct kmod_module *kmod, unsigned depth,
		      struct module **ret);

/* Returns 0 or an errno. */
static int add_one_needed(struct graph *g, struct module *m, struct kmod_module *kmod, bool soft,
			  unsigned depth)
{
	struct module *needed = NULL;
	int errnum = add_module(g, kmod, depth + 1, &needed);

	return errnum || !needed ? errnum : wait_for(g, m, needed, soft);
}

/* What a module that no list has says that it depends on. Returns 0 or an errno. */
static int add_own_words(struct graph *g, struct module *m, unsigned depth)
{
	const struct unlisted *u = unlisted_find(g->unlisted, m->name);
	struct bytes info = u ? u->info : (struct bytes){ 0 };
	const char *at = elf_modinfo_next(&info, "depends");
	int errnum = 0;

	while (at && *at && !errnum) {
		SCOPED(module_drop) struct kmod_module *kmod = NULL;
		size_t n = strcspn(at, ",");
		char name[UNLISTED_NAME_BYTES];

		if (n >= sizeof(name))
			return EINVAL;
		memcpy(name, at, n);
		name[n] = '\0';
		u = unlisted_find(g->unlisted, name);
		if ((u ? kmod_module_new_from_path(g->kmod, u->path, &kmod) :
			 kmod_module_new_from_name(g->kmod, name, &kmod)) < 0)
			return ENOENT;
		errnum = add_one_needed(g, m, kmod, false, depth);
		at += n + (at[n] == ',');
	}
	return errnum;
}

/* Returns 0 or the errno of the first that fails; soft ones do not. */
static int add_needed(struct graph *g, struct module *m, struct kmod_list *list, bool soft,
		      unsigned depth)
{
	struct kmod_list *at;
	int first = 0;

	kmod_list_foreach(at, list) {
		SCOPED(module_drop) struct kmod_module *kmod = kmod_module_get_module(at);
		int errnum = add_one_needed(g, m, kmod, soft, depth);

		if (!first && !soft)
			first = errnum;
	}
	return first;
}

/* All that was waited for is done: m is ready, or fails with what failed. */
static void settle(struct graph *g, struct module *m)
{
	if (m->errnum)
		graph_finish(g, m, m->errnum);
	else
		m->state = MODULE_READY;
}

/* Whatever fails below m ends up as m->errnum: only a module that cannot even be
 * listed is an error here. *ret is NULL if there is nothing to load. Returns 0
 * or an errno. */
static int add_module(struct graph *g, struct kmod_module *kmod, unsigned depth,
		      struct module **ret)
{
	SCOPED(list_drop) struct kmod_list *needed = NULL;
	SCOPED(list_drop) struct kmod_list *before = NULL;
	struct module *m = find(g, kmod_module_get_name(kmod));
	int state, errnum;

	*ret = m;
	if (m) {
		raise_rank(g, m, g->urgency + m->n_bytes);
		return 0;
	}
	state = kmod_module_get_initstate(kmod);
	if (state == KMOD_MODULE_BUILTIN || state == KMOD_MODULE_LIVE)
		return 0;
	if (depth > GRAPH_MAX_DEPTH)
		return ELOOP;
	errnum = module_new(g, kmod, &m);
	if (errnum)
		return errnum;
	needed = kmod_module_get_dependencies(kmod);
	kmod_module_get_softdeps(kmod, &before, &m->post);
	errnum = add_needed(g, m, needed, false, depth);
	if (!errnum)
		errnum = add_own_words(g, m, depth);
	if (!m->errnum)
		m->errnum = errnum;
	add_needed(g, m, before, true, depth);
	m->state = MODULE_WAITING;
	if (m->n_waiting == 0)
		settle(g, m);
	*ret = m;
	return 0;
}

/* What should come after m, if it can be had: nothing waits for it. */
static void add_post(struct graph *g, struct module *m)
{
	SCOPED(list_drop) struct kmod_list *post = ptr_take(&m->post);
	struct kmod_list *at;

	g->urgency = 0;
	kmod_list_foreach(at, post) {
		SCOPED(module_drop) struct kmod_module *kmod = kmod_module_get_module(at);
		struct module *unused;

		add_module(g, kmod, 0, &unused);
	}
}

static int filter_blacklisted(struct graph *g, struct kmod_list **list)
{
	struct kmod_list *allowed = NULL;
	int rc = kmod_module_apply_filter(g->kmod, KMOD_FILTER_BLACKLIST, *list, &allowed);

	if (rc < 0)
		return rc;
	kmod_module_unref_list(*list);
	*list = allowed;
	return 0;
}

static int add_match(struct graph *g, struct kmod_module *kmod, struct matches *ret, struct err *e)
{
	struct module *m;
	int errnum = add_module(g, kmod, 0, &m);

	if (errnum)
		return err_set(e, errnum == ENOMEM ? ERR_MEMORY : ERR_MODULES, errnum,
			       "load module '%s'", kmod_module_get_name(kmod));
	ret->known = true;
	if (m && ret->n < GRAPH_MAX_MATCHES)
		ret->modules[ret->n++] = m;
	return 0;
}

static bool is_blacklisted(const struct graph *g, const char *name)
{
	struct kmod_config_iter *at = kmod_config_get_blacklists(g->kmod);
	bool found = false;

	while (at && !found && kmod_config_iter_next(at))
		found = strcmp(kmod_config_iter_get_key(at), name) == 0;
	kmod_config_iter_free_iter(at);
	return found;
}

static int add_unlisted(struct graph *g, const char *wish, enum wish_kind kind,
			struct matches *ret, struct err *e)
{
	int rc = 0;

	for (const struct unlisted *u = g->unlisted; rc >= 0 && u; u = u->next) {
		SCOPED(module_drop) struct kmod_module *kmod = NULL;

		if (unlisted_fits(u, wish) && !(kind == WISH_DEVICE && is_blacklisted(g, u->name)) &&
		    kmod_module_new_from_path(g->kmod, u->path, &kmod) >= 0)
			rc = add_match(g, kmod, ret, e);
	}
	return rc;
}

static uint64_t urgency_of(struct graph *g, enum wish_kind kind)
{
	if (kind == WISH_LISTED)
		return URGENCY_STEP * (g->n_listed < MAX_LISTED ? MAX_LISTED - g->n_listed++ : 0);
	return URGENCY_STEP * (MAX_LISTED + (uint64_t)kind);
}

int graph_add(struct graph *g, const char *wish, enum wish_kind kind, struct matches *ret,
	      struct err *e)
{
	SCOPED(list_drop) struct kmod_list *list = NULL;
	struct kmod_list *at;
	int rc = 0;

	*ret = (struct matches){ 0 };
	if (!g->kmod)
		return 0;
	/* Lists that are not there at all make libkmod fail: nothing is known to them then. */
	if (kmod_module_new_from_lookup(g->kmod, wish, &list) < 0)
		list = NULL;
	g->urgency = urgency_of(g, kind);
	if (kind == WISH_DEVICE && list && filter_blacklisted(g, &list) < 0)
		return err_set(e, ERR_MEMORY, 0, "find the modules for '%s'", wish);
	kmod_list_foreach(at, list) {
		SCOPED(module_drop) struct kmod_module *kmod = kmod_module_get_module(at);

		if (rc >= 0)
			rc = add_match(g, kmod, ret, e);
	}
	return rc < 0 ? rc : add_unlisted(g, wish, kind, ret, e);
}

struct module *graph_take(struct graph *g)
{
	struct module *best = NULL;

	for (struct module *m = g->modules; m; m = m->next)
		if (m->state == MODULE_READY && (!best || m->rank > best->rank))
			best = m;
	if (best)
		best->state = MODULE_LOADING;
	return best;
}

void graph_finish(struct graph *g, struct module *m, int errnum)
{
	m->state = MODULE_DONE;
	m->errnum = errnum;
	for (size_t i = 0; i < m->n_dependents; i++) {
		struct edge *edge = &m->dependents[i];

		if (errnum && !edge->soft && !edge->to->errnum)
			edge->to->errnum = errnum;
		if (--edge->to->n_waiting == 0 && edge->to->state == MODULE_WAITING)
			settle(g, edge->to);
	}
	free(m->dependents);
	m->dependents = NULL;
	m->n_dependents = 0;
	if (!errnum)
		add_post(g, m);
}

const struct module *graph_loading(const struct graph *g)
{
	const struct module *m = g->modules;

	while (m && m->state != MODULE_LOADING)
		m = m->next;
	return m;
}

size_t graph_count_ready(const struct graph *g)
{
	size_t n = 0;

	for (const struct module *m = g->modules; m; m = m->next)
		n += m->state == MODULE_READY;
	return n;
}
