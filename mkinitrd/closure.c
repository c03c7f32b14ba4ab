/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/closure.h"

#include <libkmod.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "init/core/cleanup.h"

enum { MAX_MODULES = 16384 };

static void list_free(struct kmod_list **list)
{
	kmod_module_unref_list(*list);
}

static void module_free(struct kmod_module **m)
{
	kmod_module_unref(*m);
}

/* KMOD_LOG may ask for more than errors, and does not get it. Messages begin with an
 * address, "ctx=0x...", which tells nobody anything. */
__attribute__((format(printf, 6, 0)))
static void on_log(void *arg, int priority, const char *file, int line, const char *function,
		   const char *format, va_list words)
{
	char text[sizeof(((struct closure *)arg)->complaint)];
	struct closure *c = arg;
	size_t n;

	(void)file, (void)line, (void)function;
	if (priority > LOG_ERR)
		return;
	vsnprintf(text, sizeof(text), format, words);
	n = strncmp(text, "ctx=", 4) == 0 ? strcspn(text, " ") : 0;
	snprintf(c->complaint, sizeof(c->complaint), "%s", text + n + (text[n] == ' '));
	c->complaint[strcspn(c->complaint, "\n")] = '\0';
}

int closure_open(const char *folder, const char *const *configs, bool verbose, struct closure *ret,
		 struct err *e)
{
	int rc;

	*ret = (struct closure){ .kmod = kmod_new(folder, configs), .verbose = verbose };
	if (!ret->kmod)
		return err_set(e, ERR_MEMORY, 0, "no memory for libkmod");
	kmod_set_log_fn(ret->kmod, on_log, ret);
	rc = kmod_load_resources(ret->kmod);
	if (rc < 0) {
		kmod_unref(ret->kmod);
		ret->kmod = NULL;
		return err_set(e, ERR_MODULES, -rc,
			       "'%.180s' has no module indexes (modules.*.bin); run depmod for "
			       "this kernel",
			       folder);
	}
	ret->folder = kmod_get_dirname(ret->kmod);
	return 0;
}

void closure_done(struct closure *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->modules[i].name);
		free(c->modules[i].path);
		free(c->modules[i].why);
	}
	free(c->modules);
	for (size_t i = 0; i < c->n_excluded; i++)
		free(c->excluded[i]);
	free(c->excluded);
	if (c->kmod)
		kmod_unref(c->kmod);
	*c = (struct closure){ 0 };
}

static int exclude(struct closure *c, const char *name, struct err *e)
{
	char **grown = realloc(c->excluded, (c->n_excluded + 1) * sizeof(*grown));
	char *copy = strdup(name);

	if (grown)
		c->excluded = grown;
	if (!grown || !copy) {
		free(copy);
		return err_set(e, ERR_MEMORY, 0, "no memory for module '%s'", name);
	}
	c->excluded[c->n_excluded++] = copy;
	return 0;
}

int closure_exclude(struct closure *c, const char *name, struct err *e)
{
	SCOPED(list_free) struct kmod_list *found = NULL;
	struct kmod_list *at;
	int rc = kmod_module_new_from_lookup(c->kmod, name, &found);

	if (rc < 0)
		return err_set(e, ERR_MODULES, -rc, "look up module '%s'", name);
	if (!found)
		fprintf(stderr,
			"slipway-mkinitrd: '-%s' takes nothing out: '%s' has no such module\n",
			name, c->folder);
	rc = 0;
	kmod_list_foreach(at, found) {
		SCOPED(module_free) struct kmod_module *m = kmod_module_get_module(at);

		if (rc == 0)
			rc = exclude(c, kmod_module_get_name(m), e);
	}
	return rc;
}

bool module_is(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !(strchr("-_", *a) && strchr("-_", *b)))
			return false;
	return *a == *b;
}

static bool excluded(const struct closure *c, const char *name)
{
	for (size_t i = 0; i < c->n_excluded; i++)
		if (module_is(name, c->excluded[i]))
			return true;
	return false;
}

static bool has(const struct closure *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->modules[i].name, name) == 0)
			return true;
	return false;
}

static int append(struct closure *c, const char *name, const char *path, const char *why,
		  struct err *e)
{
	struct closure_module m = { strdup(name), strdup(path), strdup(why) };
	struct closure_module *grown = NULL;

	if (m.name && m.path && m.why && c->n < MAX_MODULES)
		grown = realloc(c->modules, (c->n + 1) * sizeof(*grown));
	if (!grown) {
		free(m.name);
		free(m.path);
		free(m.why);
		return err_set(e, ERR_MEMORY, 0, "no memory for module '%s'", name);
	}
	c->modules = grown;
	c->modules[c->n++] = m;
	return 0;
}

static int add_list(struct closure *c, const struct kmod_list *list, const char *needed_by,
		    const char *why, struct err *e);

/* libkmod leaves out a dependency whose file is not there, and only logs that. */
static int get_needs(struct closure *c, struct kmod_module *m, struct kmod_list **ret,
		     struct err *e)
{
	c->complaint[0] = '\0';
	*ret = kmod_module_get_dependencies(m);
	if (!c->complaint[0])
		return 0;
	return err_set(e, ERR_MODULES, 0,
		       "what the module '%.64s' needs is not there; run depmod, or install the "
		       "kernel's modules again: %s",
		       kmod_module_get_name(m), c->complaint);
}

/* Recursion ends: each module is appended once, before what it needs is looked at. */
static int add_needs(struct closure *c, struct kmod_module *m, struct err *e)
{
	SCOPED(list_free) struct kmod_list *needs = NULL;
	SCOPED(list_free) struct kmod_list *pre = NULL;
	SCOPED(list_free) struct kmod_list *post = NULL;
	const char *name = kmod_module_get_name(m);
	char needed[128], soft[128];
	int rc;

	snprintf(needed, sizeof(needed), "needed by module %s", name);
	snprintf(soft, sizeof(soft), "soft dependency of module %s", name);
	rc = get_needs(c, m, &needs, e);
	if (rc < 0)
		return rc;
	rc = kmod_module_get_softdeps(m, &pre, &post);
	if (rc < 0)
		return err_set(e, ERR_MODULES, -rc, "read the soft dependencies of '%s'", name);
	rc = add_list(c, needs, name, needed, e);
	if (rc == 0)
		rc = add_list(c, pre, NULL, soft, e);
	return rc == 0 ? add_list(c, post, NULL, soft, e) : rc;
}

/* A module without a file comes from an alias or install line that leads nowhere. */
static int add_module(struct closure *c, struct kmod_module *m, const char *needed_by,
		      const char *why, struct err *e)
{
	const char *name = kmod_module_get_name(m), *path = kmod_module_get_path(m);
	int rc;

	if (!path || has(c, name))
		return 0;
	if (excluded(c, name) && !needed_by)
		return 0;
	if (excluded(c, name))
		return err_set(e, ERR_MODULES, 0,
			       "module '%.64s' needs '%.64s', which --modules takes out; take out "
			       "'%.64s' as well, or neither",
			       needed_by, name, needed_by);
	rc = append(c, name, path, why, e);
	return rc < 0 ? rc : add_needs(c, m, e);
}

/* Leaves out what is built in. The question goes to the target's indexes, never to
 * /sys, which tells of the build machine's kernel. */
static int filter(const struct closure *c, const struct kmod_list *list, struct kmod_list **ret,
		  struct err *e)
{
	int rc = kmod_module_apply_filter(c->kmod, KMOD_FILTER_BUILTIN, list, ret);

	return rc < 0 ? err_set(e, ERR_MEMORY, -rc, "look for what is built into the kernel") : 0;
}

/* needed_by: the module that cannot do without those in the list, or NULL. */
static int add_list(struct closure *c, const struct kmod_list *list, const char *needed_by,
		    const char *why, struct err *e)
{
	SCOPED(list_free) struct kmod_list *loadable = NULL;
	struct kmod_list *at;
	int rc = filter(c, list, &loadable, e);

	kmod_list_foreach(at, loadable) {
		SCOPED(module_free) struct kmod_module *m = kmod_module_get_module(at);

		if (rc == 0)
			rc = add_module(c, m, needed_by, why, e);
	}
	return rc;
}

static bool any_file(const struct kmod_list *list)
{
	const struct kmod_list *at;

	kmod_list_foreach(at, list) {
		SCOPED(module_free) struct kmod_module *m = kmod_module_get_module(at);

		if (kmod_module_get_path(m))
			return true;
	}
	return false;
}

static void say(const struct closure *c, const char *name, const char *what)
{
	if (c->verbose)
		fprintf(stderr, "slipway-mkinitrd: module '%s' %s\n", name, what);
}

int closure_want(struct closure *c, const char *name, bool must, const char *why, struct err *e)
{
	SCOPED(list_free) struct kmod_list *found = NULL;
	SCOPED(list_free) struct kmod_list *loadable = NULL;
	int rc = kmod_module_new_from_lookup(c->kmod, name, &found);

	if (rc < 0)
		return err_set(e, ERR_MODULES, -rc, "look up module '%s'", name);
	rc = filter(c, found, &loadable, e);
	if (rc < 0)
		return rc;
	if (any_file(loadable))
		return add_list(c, loadable, NULL, why, e);
	if (found && !loadable) {
		say(c, name, "is built into the kernel");
		return 0;
	}
	say(c, name, "is not there");
	if (!must)
		return 0;
	return err_set(e, ERR_MODULES, 0,
		       "the kernel has no module '%.64s', loadable or built in, in '%.120s'; "
		       "correct the name or leave it out",
		       name, c->folder);
}

static bool is_in(const struct closure *c, const char *const *begins, const char *path)
{
	size_t n = strlen(c->folder);

	if (!path || strncmp(path, c->folder, n) != 0 || path[n] != '/')
		return false;
	while (*begins && strncmp(path + n + 1, *begins, strlen(*begins)) != 0)
		begins++;
	return *begins;
}

int closure_want_in(struct closure *c, const char *const *begins, const char *name,
		    const char *why, struct err *e)
{
	SCOPED(list_free) struct kmod_list *found = NULL;
	SCOPED(list_free) struct kmod_list *loadable = NULL;
	struct kmod_list *at;
	int rc = kmod_module_new_from_lookup(c->kmod, name, &found);

	if (rc < 0)
		return err_set(e, ERR_MODULES, -rc, "look up module '%s'", name);
	rc = filter(c, found, &loadable, e);
	kmod_list_foreach(at, loadable) {
		SCOPED(module_free) struct kmod_module *m = kmod_module_get_module(at);

		if (rc == 0 && is_in(c, begins, kmod_module_get_path(m)))
			rc = add_module(c, m, NULL, why, e);
	}
	return rc;
}
