/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/extension.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/extension/accept.h"
#include "modules/extension/discover.h"
#include "modules/extension/host.h"
#include "modules/extension/image.h"
#include "modules/extension/merge.h"
#include "modules/extension/release.h"

enum {
	FILE_BYTES = FOUND_FILE_BYTES + 32, /* with the folder */
	TOP_BYTES = 40,
};

struct extension {
	char file[FILE_BYTES]; /* the image, or a directory */
	bool own, directory;
	char top[TOP_BYTES];   /* where its tree starts */
	struct image image;
	bool has[MAX_HIERARCHIES];
	struct extension_verdict verdict;
};

struct extensions {
	const struct merge_place *place;
	bool workspace;
	bool merged[N_EXTENSION_CLASSES][MAX_HIERARCHIES];
	size_t n;
	struct extension at[]; /* by class, oldest first */
};

static bool has_entries(const char *path)
{
	SCOPED(dir_close) DIR *d = opendir(path);
	const struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			return true;
	return false;
}

/* What the stub takes from the ESP and puts into the initrd is not. */
static bool is_own(const char *folder, bool usr_only)
{
	return strncmp(folder, "/.extra/", strlen("/.extra/")) != 0 && image_is_own(folder, usr_only);
}

static const char *const *folders(const struct extension_class *class, bool sysroot)
{
	return sysroot ? class->root_folders : class->folders;
}

bool extensions_present(const struct extension_class *class, bool sysroot)
{
	for (const char *const *folder = folders(class, sysroot); *folder; folder++)
		if (has_entries(*folder))
			return true;
	return false;
}

static void begin(struct extension *x, const struct merge_place *place,
		  const struct extension_class *class, const struct found *found, size_t index)
{
	*x = (struct extension){
		.own = found->own,
		.directory = found->kind == FOUND_DIRECTORY,
		.image = IMAGE_EMPTY,
		.verdict = { .class = class, .source = x->file },
	};
	snprintf(x->file, sizeof(x->file), "%s/%s", found->directory, found->file);
	snprintf(x->top, sizeof(x->top), "%s/%02zu", place->workspace, index);
	snprintf(x->verdict.name, sizeof(x->verdict.name), "%s", found->name);
}

static int take(struct extension *x, const struct image_rules *rules,
		const struct release *system, struct err *e)
{
	struct extension_verdict *v = &x->verdict;
	int rc;

	if (x->directory) {
		rc = image_bind(&x->image, x->file, x->top, rules, e);
	} else {
		rc = image_prove(&x->image, x->file, x->own, rules, v->root_hash, e);
		if (rc >= 0)
			rc = image_mount(&x->image, x->top, rules, e);
	}
	if (rc >= 0)
		rc = accept_tree(x->top, v->class, v->name, rules->request, system, x->has, e);
	/* How dm-verity answers when content does not match its hash. */
	if (rc < 0 && e->errnum == EIO)
		e->code = ERR_EXTENSION_UNPROVEN;
	return rc < 0 ? -(int)e->code : 0;
}

static void skip(struct extension *x, const struct err *e)
{
	struct extension_verdict *v = &x->verdict;

	v->code = e->code;
	snprintf(v->why, sizeof(v->why), "%s", e->what);
	log_warning("extension '%s' skipped: %s", v->name, v->why);
}

/* Fills the verdict; a bad extension never stops the others. */
static void judge(struct extension *x, const struct image_rules *rules,
		  const struct release *system)
{
	struct err e = { 0 };

	if (take(x, rules, system, &e) == 0) {
		log_info("extension '%s' is proven and fits", x->verdict.name);
		return;
	}
	image_close(&x->image);
	skip(x, &e);
}

/* Nothing of it stays open: what the host gets are files. */
static void hand_over(struct extensions *x)
{
	for (size_t i = 0; i < x->n; i++) {
		struct extension_verdict *v = &x->at[i].verdict;
		struct err e = { 0 };

		if (v->code == ERR_NONE && host_place(&x->at[i].image, v->class, v->name, &e) < 0)
			skip(&x->at[i], &e);
		v->handed_over = v->code == ERR_NONE;
		if (v->handed_over)
			log_info("extension '%s' is left for the host", v->name);
		image_close(&x->at[i].image);
	}
}

static int merge_one(struct extensions *x, const struct extension_class *class, size_t hierarchy,
		     struct err *e)
{
	struct layer layers[MAX_EXTENSIONS];
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < x->n; i++) {
		const struct extension *ext = &x->at[i];

		if (ext->verdict.class == class && ext->verdict.code == ERR_NONE &&
		    ext->has[hierarchy])
			layers[n++] = (struct layer){ ext->verdict.name, ext->top };
	}
	if (n == 0)
		return 0;
	rc = merge_hierarchy(x->place, class, class->hierarchies[hierarchy], layers, n, e);
	x->merged[class->id][hierarchy] = rc == 0;
	return rc;
}

static int merge_all(struct extensions *x, struct err *e)
{
	for (size_t i = 0; i < N_EXTENSION_CLASSES; i++) {
		const struct extension_class *class = &extension_classes[i];

		for (size_t h = 0; class->hierarchies[h]; h++) {
			int rc = merge_one(x, class, h, e);

			if (rc < 0)
				return rc;
		}
	}
	for (size_t i = 0; i < x->n; i++)
		x->at[i].verdict.merged = x->at[i].verdict.code == ERR_NONE;
	return 0;
}

/* The images of one class, oldest first. */
static int find(const struct extension_class *class, const struct extension_request *request,
		struct found_list *list, struct err *e)
{
	const char *const *folder = request->host ? class->host_folders : folders(class, request->sysroot);

	for (; *folder; folder++) {
		int rc = discover(class, *folder, is_own(*folder, request->usr_only), list, e);

		if (rc < 0)
			return rc;
	}
	discover_sort(list);
	return 0;
}

static int find_all(const struct extension_request *request, struct found_list *lists,
		    struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < N_EXTENSION_CLASSES; i++)
		if (request->wanted[i])
			rc = find(&extension_classes[i], request, &lists[i], e);
	return rc;
}

static int judge_class(struct extensions *x, const struct extension_class *class,
		       const struct found_list *list, const struct extension_request *request,
		       const struct release *system, struct err *e)
{
	struct image_rules rules = { .class = class, .request = request };
	int rc = policy_parse(class->policy, &rules.policy, e);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < list->n; i++, x->n++) {
		begin(&x->at[x->n], x->place, class, &list->at[i], x->n);
		judge(&x->at[x->n], &rules, system);
	}
	return 0;
}

static int merge_found(struct extensions *x, const struct found_list *lists,
		       const struct extension_request *request, struct err *e)
{
	SCOPED(release_done) struct release system = { 0 };
	int rc = merge_begin(x->place, e);

	if (rc < 0)
		return rc;
	x->workspace = true;
	accept_read_release(x->place->root, request->usr_only, &system);
	for (size_t i = 0; rc >= 0 && i < N_EXTENSION_CLASSES; i++)
		rc = judge_class(x, &extension_classes[i], &lists[i], request, &system, e);
	if (rc < 0 || !request->host)
		return rc < 0 ? rc : merge_all(x, e);
	hand_over(x);
	return 0;
}

int extensions_merge(const struct extension_request *request, struct extensions **ret,
		     struct err *e)
{
	SCOPED(mem_free) struct found_list *lists = calloc(N_EXTENSION_CLASSES, sizeof(*lists));
	struct extensions *x;
	size_t n = 0;
	int rc;

	if (!lists)
		return err_set(e, ERR_MEMORY, 0, "list the extensions: no memory");
	rc = find_all(request, lists, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < N_EXTENSION_CLASSES; i++)
		n += lists[i].n;
	x = calloc(1, sizeof(*x) + n * sizeof(x->at[0]));
	if (!x)
		return err_set(e, ERR_MEMORY, 0, "merge %zu extensions: no memory", n);
	x->place = request->host ? &merge_host : request->sysroot ? &merge_sysroot : &merge_initrd;
	rc = n ? merge_found(x, lists, request, e) : 0;
	if (rc < 0) {
		struct err ignored; /* the first failure is the one that counts */

		extensions_undo(x, &ignored);
		return rc;
	}
	*ret = x;
	return 0;
}

size_t extensions_count(const struct extensions *x)
{
	return x->n;
}

const struct extension_verdict *extensions_verdict(const struct extensions *x, size_t i)
{
	return i < x->n ? &x->at[i].verdict : NULL;
}

void extensions_keep(struct extensions *x)
{
	for (size_t i = x->n; i > 0; i--)
		image_close(&x->at[i - 1].image);
	if (x->workspace)
		merge_end(x->place);
	free(x);
}

int extensions_undo(struct extensions *x, struct err *e)
{
	int rc = 0;

	if (!x)
		return 0;
	/* On top first. What fails does not keep the rest from going. */
	for (size_t i = N_EXTENSION_CLASSES * MAX_HIERARCHIES; i-- > 0;) {
		const struct extension_class *class = &extension_classes[i / MAX_HIERARCHIES];
		size_t h = i % MAX_HIERARCHIES;

		if (x->merged[class->id][h] && merge_undo(x->place, class->hierarchies[h], e) < 0)
			rc = -(int)e->code;
	}
	for (size_t i = 0; i < x->n; i++)
		if (x->at[i].verdict.handed_over)
			host_remove(x->at[i].verdict.class, x->at[i].verdict.name);
	extensions_keep(x);
	return rc;
}
