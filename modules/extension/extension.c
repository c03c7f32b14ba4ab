/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/extension.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/extension/discover.h"
#include "modules/extension/image.h"
#include "modules/extension/merge.h"
#include "modules/extension/metadata.h"
#include "modules/extension/release.h"
#include "modules/extension/tree.h"

/* Earlier folders win. */
static const char *const folders[] = { "/.extra/sysext", "/.extra/global_sysext" };

enum {
	N_FOLDERS = sizeof(folders) / sizeof(*folders),
	FILE_BYTES = EXTENSION_FILE_BYTES + 32, /* with the folder */
	TOP_BYTES = 40,
	MAX_RELEASE_BYTES = 64 * 1024,
};

struct extension {
	char file[FILE_BYTES]; /* the image */
	char top[TOP_BYTES];   /* where its tree starts */
	struct image image;
	bool has[N_HIERARCHIES];
	struct extension_verdict verdict;
};

struct extensions {
	bool workspace;
	bool merged[N_HIERARCHIES];
	size_t n;
	struct extension at[]; /* oldest first */
};

static bool folder_has_images(const char *path)
{
	SCOPED(dir_close) DIR *d = opendir(path);
	char name[EXTENSION_NAME_BYTES];
	const struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (extension_name(entry->d_name, name) == NAME_SYSEXT)
			return true;
	return false;
}

bool extensions_present(void)
{
	for (size_t i = 0; i < N_FOLDERS; i++)
		if (folder_has_images(folders[i]))
			return true;
	return false;
}

/* Everything that speaks for or against one mounted tree. */
static int accept_tree(struct extension *x, const struct release *initrd, struct err *e)
{
	SCOPED(fd_close) int fd = open(x->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SCOPED(release_done) struct release release = { 0 };
	const char *name = x->verdict.name;
	int rc;

	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%s'", x->top);
	rc = metadata_read(fd, name, &release, e);
	if (rc < 0 || (rc = release_match(&release, initrd, name, e)) < 0)
		return rc;
	rc = tree_check(fd, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < N_HIERARCHIES; i++)
		x->has[i] = tree_has(fd, tree_hierarchies[i] + 1);
	return 0;
}

static void begin(struct extension *x, const struct found *found, size_t index)
{
	*x = (struct extension){ .image = IMAGE_EMPTY };
	snprintf(x->file, sizeof(x->file), "%s/%s", found->directory, found->file);
	snprintf(x->top, sizeof(x->top), MERGE_WORKSPACE "/%02zu", index);
	snprintf(x->verdict.name, sizeof(x->verdict.name), "%s", found->name);
}

static int take(struct extension *x, const struct extension_request *request,
		const struct release *initrd, struct err *e)
{
	int rc = image_prove(&x->image, x->file, request, x->verdict.root_hash, e);

	if (rc < 0)
		return rc;
	rc = image_mount(&x->image, x->top, request, e);
	if (rc == 0)
		rc = accept_tree(x, initrd, e);
	/* How dm-verity answers when content does not match its hash. */
	if (rc < 0 && e->errnum == EIO)
		e->code = ERR_EXTENSION_UNPROVEN;
	return rc < 0 ? -(int)e->code : 0;
}

/* Fills the verdict; a bad extension never stops the others. */
static void judge(struct extension *x, const struct extension_request *request,
		  const struct release *initrd)
{
	struct extension_verdict *v = &x->verdict;
	struct err e = { 0 };

	if (take(x, request, initrd, &e) == 0) {
		log_info("extension '%s' is proven and fits", v->name);
		return;
	}
	image_close(&x->image);
	v->code = e.code;
	snprintf(v->why, sizeof(v->why), "%s", e.what);
	log_warning("extension '%s' skipped: %s", v->name, v->why);
}

static int merge_one(struct extensions *x, size_t hierarchy, struct err *e)
{
	struct layer layers[MAX_EXTENSIONS];
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < x->n; i++) {
		const struct extension *ext = &x->at[i];

		if (ext->verdict.code == ERR_NONE && ext->has[hierarchy])
			layers[n++] = (struct layer){ ext->verdict.name, ext->top };
	}
	if (n == 0)
		return 0;
	rc = merge_hierarchy(tree_hierarchies[hierarchy], layers, n, e);
	x->merged[hierarchy] = rc == 0;
	return rc;
}

static int merge_all(struct extensions *x, struct err *e)
{
	for (size_t i = 0; i < N_HIERARCHIES; i++) {
		int rc = merge_one(x, i, e);

		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < x->n; i++)
		x->at[i].verdict.merged = x->at[i].verdict.code == ERR_NONE;
	return 0;
}

/* Without one, nothing but an extension for any system fits. */
static void read_initrd_release(struct release *ret)
{
	static const char path[] = "/etc/initrd-release";
	SCOPED(mem_free) char *text = NULL;
	struct err e = { 0 };
	size_t n = 0;

	if (file_read(AT_FDCWD, path, MAX_RELEASE_BYTES, &text, &n, &e) < 0 ||
	    release_parse(text, n, ret, &e) < 0)
		log_warning("'%s' is unusable, only extensions for any system fit: %s", path,
			    e.what);
}

static int find(struct found_list *list, struct err *e)
{
	for (size_t i = 0; i < N_FOLDERS; i++) {
		int rc = discover(folders[i], list, e);

		if (rc < 0)
			return rc;
	}
	discover_sort(list);
	return 0;
}

static int merge_found(struct extensions *x, const struct found_list *list,
		       const struct extension_request *request, struct err *e)
{
	SCOPED(release_done) struct release initrd = { 0 };
	int rc = merge_begin(e);

	if (rc < 0)
		return rc;
	x->workspace = true;
	read_initrd_release(&initrd);
	for (; x->n < list->n; x->n++) {
		begin(&x->at[x->n], &list->at[x->n], x->n);
		judge(&x->at[x->n], request, &initrd);
	}
	return merge_all(x, e);
}

int extensions_merge(const struct extension_request *request, struct extensions **ret,
		     struct err *e)
{
	SCOPED(mem_free) struct found_list *list = calloc(1, sizeof(*list));
	struct extensions *x;
	int rc;

	if (!list)
		return err_set(e, ERR_MEMORY, 0, "list the extensions: no memory");
	rc = find(list, e);
	if (rc < 0)
		return rc;
	x = calloc(1, sizeof(*x) + list->n * sizeof(x->at[0]));
	if (!x)
		return err_set(e, ERR_MEMORY, 0, "merge %zu extensions: no memory", list->n);
	rc = list->n ? merge_found(x, list, request, e) : 0;
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

int extensions_undo(struct extensions *x, struct err *e)
{
	int rc = 0;

	if (!x)
		return 0;
	/* On top first. What fails does not keep the rest from going. */
	for (size_t i = N_HIERARCHIES; i > 0; i--)
		if (x->merged[i - 1] && merge_undo(tree_hierarchies[i - 1], e) < 0)
			rc = -(int)e->code;
	for (size_t i = x->n; i > 0; i--)
		image_close(&x->at[i - 1].image);
	if (x->workspace)
		merge_end();
	free(x);
	return rc;
}
