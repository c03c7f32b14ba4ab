/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/merge.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "init/core/file.h"
#include "init/core/log.h"

enum {
	OPTIONS_BYTES = 4096, /* the kernel takes one page */
	TARGET_BYTES = 64,
};

const struct merge_place merge_initrd = { "", "/run/slipway/x" };
const struct merge_place merge_sysroot = { "/sysroot", "/run/slipway/y" };
const struct merge_place merge_host = { "/sysroot", "/run/slipway/z" };

int merge_begin(const struct merge_place *place, struct err *e)
{
	static const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	int rc = make_dirs(place->workspace, 0755, e);

	if (rc < 0)
		return rc;
	if (mount("slipway", place->workspace, "tmpfs", flags, "mode=0700") < 0)
		return err_set(e, ERR_EXTENSION_MERGE, errno, "mount a tmpfs at '%s'",
			       place->workspace);
	return 0;
}

void merge_end(const struct merge_place *place)
{
	if (umount2(place->workspace, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		log_warning("'%s' stays mounted: %s", place->workspace, strerror(errno));
	rmdir(place->workspace);
}

__attribute__((format(printf, 4, 5)))
static int append(char *ret, size_t max, size_t *used, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(ret + *used, max - *used, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= max - *used)
		return -1;
	*used += (size_t)n;
	return 0;
}

int merge_options(const struct merge_place *place, const char *hierarchy, const struct layer *layers,
		  size_t n, char *ret, size_t max)
{
	size_t used = 0;

	/* Layers must not point into each other: redirections are not followed. */
	if (append(ret, max, &used, "redirect_dir=nofollow,metacopy=off,lowerdir=%s/meta%s",
		   place->workspace, hierarchy) < 0)
		return -1;
	for (size_t i = n; i > 0; i--)
		if (append(ret, max, &used, ":%s%s", layers[i - 1].top, hierarchy) < 0)
			return -1;
	return append(ret, max, &used, ":%s%s", place->root, hierarchy);
}

/* "name\n" for each; the file that systemd-sysext(8) lists extensions in. */
static int write_names(const char *path, const struct layer *layers, size_t n, struct err *e)
{
	char text[OPTIONS_BYTES * 2];
	size_t used = 0;

	for (size_t i = 0; i < n; i++)
		if (append(text, sizeof(text), &used, "%s\n", layers[i].name) < 0)
			return err_set(e, ERR_EXTENSION_MERGE, 0, "too many names for '%s'", path);
	return file_write(path, 0444, text, used, e);
}

/* One merged hierarchy, as it is made. */
struct merge {
	const struct merge_place *place;
	const struct extension_class *class;
	const char *hierarchy;
	char target[TARGET_BYTES]; /* where that is */
	const struct layer *layers;
	size_t n;
};

static void meta_path(const struct merge *m, const char *file, char *ret, size_t max)
{
	snprintf(ret, max, "%s/meta%s/%s/%s", m->place->workspace, m->hierarchy, m->class->metadata, file);
}

/* MAJ:MIN of what st was taken of. */
static int write_device(const struct merge *m, const char *file, const struct stat *st,
			struct err *e)
{
	char path[128], text[32] = "";

	meta_path(m, file, path, sizeof(path));
	if (st)
		snprintf(text, sizeof(text), "%u:%u\n", major(st->st_dev), minor(st->st_dev));
	return file_write(path, 0444, text, strlen(text), e);
}

/* The topmost layer: its mode is the merged directory's, its files say what is merged, over
 * what, and, in "dev", by which overlay: by that a tree is known as merged now. That one must
 * be there before the overlay is mounted, and its content can only come afterwards. */
static int make_meta(const struct merge *m, struct err *e)
{
	char top[64], path[128];
	struct stat st;
	int rc;

	if (stat(m->target, &st) < 0)
		return err_set(e, ERR_EXTENSION_MERGE, errno, "look at '%s'", m->target);
	snprintf(top, sizeof(top), "%s/meta%s", m->place->workspace, m->hierarchy);
	meta_path(m, "", path, sizeof(path));
	rc = make_dirs(path, 0755, e);
	if (rc < 0)
		return rc;
	if (chmod(top, st.st_mode & 07777) < 0)
		return err_set(e, ERR_EXTENSION_MERGE, errno, "set the mode of '%s'", top);
	meta_path(m, m->class->list, path, sizeof(path));
	rc = write_names(path, m->layers, m->n, e);
	if (rc >= 0)
		rc = write_device(m, "backing", &st, e);
	return rc < 0 ? rc : write_device(m, "dev", NULL, e);
}

static int mount_overlay(const struct merge *m, struct err *e)
{
	unsigned long flags = *m->place->root ? m->class->root_flags : m->class->flags;
	char options[OPTIONS_BYTES];

	if (merge_options(m->place, m->hierarchy, m->layers, m->n, options, sizeof(options)) < 0)
		return err_set(e, ERR_EXTENSION_MERGE, 0, "too many layers for '%s'", m->target);
	if (mount(m->class->name, m->target, "overlay", MS_RDONLY | flags, options) < 0)
		return err_set(e, ERR_EXTENSION_MERGE, errno, "mount the overlay over '%s'", m->target);
	return 0;
}

int merge_hierarchy(const struct merge_place *place, const struct extension_class *class,
		    const char *hierarchy, const struct layer *layers, size_t n, struct err *e)
{
	struct merge m = { place, class, hierarchy, "", layers, n };
	struct stat st;
	int rc;

	snprintf(m.target, sizeof(m.target), "%s%s", place->root, hierarchy);
	if (mkdir(m.target, 0755) < 0 && errno != EEXIST)
		return err_set(e, ERR_EXTENSION_MERGE, errno, "make directory '%s'", m.target);
	rc = make_meta(&m, e);
	if (rc >= 0)
		rc = mount_overlay(&m, e);
	if (rc < 0)
		return rc;
	if (stat(m.target, &st) < 0)
		rc = err_set(e, ERR_EXTENSION_MERGE, errno, "look at '%s'", m.target);
	else
		rc = write_device(&m, "dev", &st, e);
	if (rc < 0)
		umount2(m.target, MNT_DETACH | UMOUNT_NOFOLLOW);
	return rc;
}

int merge_undo(const struct merge_place *place, const char *hierarchy, struct err *e)
{
	char target[TARGET_BYTES];

	snprintf(target, sizeof(target), "%s%s", place->root, hierarchy);
	if (umount2(target, UMOUNT_NOFOLLOW) == 0)
		return 0;
	if (errno == EBUSY && umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
		log_warning("'%s' is in use, its extensions go when it is not", target);
		return 0;
	}
	return err_set(e, ERR_EXTENSION_MERGE, errno, "unmount the overlay over '%s'", target);
}
