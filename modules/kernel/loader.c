/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/kernel/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/module.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "init/core/cleanup.h"
#include "init/core/clock.h"
#include "init/core/log.h"
#include "init/core/text.h"

#ifndef MODULE_INIT_COMPRESSED_FILE
#define MODULE_INIT_COMPRESSED_FILE 4 /* Linux 5.17 */
#endif

struct loader {
	const struct loader_setup *setup;
	struct news *news;
	pthread_mutex_t lock; /* guards all below, and libkmod */
	pthread_cond_t work;
	struct graph graph;
	struct module_load *loads;
	size_t n_loads;
	pthread_t threads[LOADER_MAX_WORKERS];
	unsigned n_allowed, n_threads, n_running;
	bool stop;
};

static pthread_mutex_t *lock_take(struct loader *l)
{
	pthread_mutex_lock(&l->lock);
	return &l->lock;
}

static void lock_drop(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}

/* Holds the lock until the scope ends. */
#define LOCKED(l) __attribute__((unused)) SCOPED(lock_drop) pthread_mutex_t *held = lock_take(l)

int loader_insert(const char *path, const char *options)
{
	bool packed = text_has_suffix(path, ".xz") || text_has_suffix(path, ".zst") ||
		      text_has_suffix(path, ".gz");
	SCOPED(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	if (syscall(SYS_finit_module, fd, options, packed ? MODULE_INIT_COMPRESSED_FILE : 0) < 0)
		return errno == EEXIST ? 0 : errno;
	return 0;
}

/* The record is worth less than the boot: without memory it lacks a line. */
static void note_load(struct loader *l, const struct module_load *load)
{
	struct module_load *loads = reallocarray(l->loads, l->n_loads + 1, sizeof(*loads));

	if (!loads)
		return;
	loads[l->n_loads++] = *load;
	l->loads = loads;
}

/* What finit_module(2) means by it; strerror() alone misleads. */
static const char *explain(int errnum)
{
	switch (errnum) {
	case ENOENT:
		return "it, or a module that it depends on, is not in the initrd";
	case ENOKEY:
	case EKEYREJECTED:
	case EBADMSG:
		return "this kernel does not trust its signature";
	case ENOEXEC:
		return "it was built for another kernel";
	case EPERM:
		return "module_blacklist= or the kernel's lockdown forbids it";
	case ENODEV:
		return "it finds no hardware to work with";
	default:
		return "the kernel refused it";
	}
}

static void report(const struct module_load *load)
{
	if (!load->errnum)
		log_debug("module '%s' loaded in %llu us", load->name,
			  (unsigned long long)load->duration_us);
	else if (load->errnum == ENODEV) /* for other hardware, though the alias fits */
		log_debug("module '%s' has nothing to do here", load->name);
	else
		log_warning("module '%s': %s (%s), continuing without", load->name,
			    explain(load->errnum), strerror(load->errnum));
}

/* Loads m with the lock given up: libkmod and the graph are not touched. */
static int load(struct loader *l, const struct module *m, struct module_load *ret)
{
	int errnum;

	snprintf(ret->name, sizeof(ret->name), "%s", m->name);
	pthread_mutex_unlock(&l->lock);
	ret->start_us = now_us();
	errnum = l->setup->insert(m->path, m->options ? m->options : "");
	ret->duration_us = now_us() - ret->start_us;
	ret->errnum = errnum;
	report(ret);
	pthread_mutex_lock(&l->lock);
	return errnum;
}

/* Wakes a worker for each ready module but n_own, which the caller takes itself.
 * A signal that nobody waits for is lost: then all are busy, and look for work
 * when they are done. */
static void wake_workers(struct loader *l, size_t n_own)
{
	size_t n = graph_count_ready(&l->graph);

	for (size_t i = n_own; i < n && i < l->n_threads; i++)
		pthread_cond_signal(&l->work);
}

/* Needs the lock, gives it up while the kernel works and while others are told. */
static void work_on(struct loader *l, struct module *m)
{
	struct module_load done = { 0 };

	graph_finish(&l->graph, m, load(l, m, &done));
	note_load(l, &done);
	wake_workers(l, 1);
	pthread_mutex_unlock(&l->lock);
	news_tell(l->news);
	pthread_mutex_lock(&l->lock);
}

static void *work(void *arg)
{
	struct loader *l = arg;

	pthread_mutex_lock(&l->lock);
	while (!l->stop) {
		struct module *m = graph_take(&l->graph);

		if (m)
			work_on(l, m);
		else
			pthread_cond_wait(&l->work, &l->lock);
	}
	l->n_running--;
	pthread_mutex_unlock(&l->lock);
	news_tell(l->news);
	return NULL;
}

static int start_workers(struct loader *l, struct err *e)
{
	while (l->n_threads < l->n_allowed && l->n_threads < LOADER_MAX_WORKERS) {
		int rc = thread_start(&l->threads[l->n_threads], work, l, "module", e);

		if (rc < 0)
			return rc;
		l->n_threads++;
		l->n_running++;
	}
	return 0;
}

static int open_lists(struct loader *l, bool look_beyond, struct err *e)
{
	LOCKED(l);
	int rc;

	if (access(l->setup->modules, F_OK) < 0)
		return 0;
	rc = graph_open(&l->graph, l->setup->modules, l->setup->config, e);
	if (rc >= 0 && look_beyond)
		graph_scan(&l->graph, l->setup->modules);
	return rc < 0 ? rc : start_workers(l, e);
}

int loader_reload(struct loader *l, struct err *e)
{
	return open_lists(l, true, e);
}

int loader_spread(struct loader *l, struct err *e)
{
	LOCKED(l);

	l->n_allowed = l->setup->n_workers;
	/* Without module lists there is not even one. */
	return l->n_threads ? start_workers(l, e) : 0;
}

static void loader_free(struct loader *l)
{
	graph_done(&l->graph);
	free(l->loads);
	pthread_cond_destroy(&l->work);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

int loader_open(const struct loader_setup *setup, struct news *news, struct loader **ret,
		struct err *e)
{
	struct loader *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return err_set(e, ERR_MEMORY, 0, "prepare for loading modules");
	l->setup = setup;
	l->n_allowed = 1;
	l->news = news;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->work, NULL);
	rc = open_lists(l, false, e);
	if (rc < 0) /* then there are no threads */
		loader_free(l);
	else
		*ret = l;
	return rc;
}

/* Needs the lock. */
static int add(struct loader *l, const char *wish, enum wish_kind kind, struct matches *ret,
	       struct err *e)
{
	int rc = graph_add(&l->graph, wish, kind, ret, e);

	/* Also what was added before an error. */
	wake_workers(l, 0);
	return rc < 0 ? rc : ret->known;
}

int loader_want(struct loader *l, const char *wish, enum wish_kind kind, struct err *e)
{
	struct matches matches;
	LOCKED(l);

	return add(l, wish, kind, &matches, e);
}

struct wanted {
	struct loader *loader;
	const char *wish;
	struct matches matches;
};

/* Returns 1 when all are done and one is loaded, 0 if one is still to come. */
static int judge(void *arg, struct err *e)
{
	const struct wanted *w = arg;
	const struct module *failed = NULL;
	bool loaded = w->matches.n == 0;
	LOCKED(w->loader);

	for (size_t i = 0; i < w->matches.n; i++) {
		const struct module *m = w->matches.modules[i];

		if (m->state != MODULE_DONE)
			return 0;
		if (m->errnum)
			failed = m;
		else
			loaded = true;
	}
	if (loaded)
		return 1;
	return err_set(e, ERR_MODULES, failed->errnum, "module '%s', wanted as '%s': %s",
		       failed->name, w->wish, explain(failed->errnum));
}

int loader_require(struct loader *l, const char *wish, uint64_t deadline_ms, struct err *e)
{
	struct wanted w = { .loader = l, .wish = wish };
	char what[80];
	int rc;

	pthread_mutex_lock(&l->lock);
	rc = add(l, wish, WISH_AWAITED, &w.matches, e);
	pthread_mutex_unlock(&l->lock);
	if (rc <= 0)
		return rc;
	snprintf(what, sizeof(what), "module '%s'", wish);
	rc = news_until(l->news, judge, &w, what, deadline_ms, e);
	if (rc == -ERR_TIMEOUT)
		return err_set(e, ERR_MODULES, ETIMEDOUT, "load module '%s'", wish);
	return rc;
}

size_t loader_loaded(struct loader *l, struct module_load **ret)
{
	LOCKED(l);

	*ret = l->n_loads ? calloc(l->n_loads, sizeof(**ret)) : NULL;
	if (!*ret)
		return 0;
	memcpy(*ret, l->loads, l->n_loads * sizeof(**ret));
	return l->n_loads;
}

static int all_ended(void *arg, struct err *e)
{
	struct loader *l = arg;
	LOCKED(l);

	(void)e;
	return l->n_running == 0;
}

static int name_stuck(struct loader *l, struct err *e)
{
	LOCKED(l);
	const struct module *m = graph_loading(&l->graph);

	return err_set(e, ERR_MODULES, 0, "module '%s' is still being loaded", m ? m->name : "?");
}

int loader_close(struct loader *l, uint64_t deadline_ms, struct err *e)
{
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_broadcast(&l->work);
	pthread_mutex_unlock(&l->lock);
	if (news_until(l->news, all_ended, l, "modules that are being loaded", deadline_ms, e) < 0)
		return name_stuck(l, e);
	for (unsigned i = 0; i < l->n_threads; i++)
		pthread_join(l->threads[i], NULL);
	loader_free(l);
	return 0;
}
