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

#define META MERGE_WORKSPACE "/meta"

enum { OPTIONS_BYTES = 4096 }; /* the kernel takes one page */

int merge_begin(struct err *e)
{
	static const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	int rc = make_dirs(MERGE_WORKSPACE, 0755, e);

	if (rc < 0)
		return rc;
	if (mount("slipway", MERGE_WORKSPACE, "tmpfs", flags, "mode=0700") < 0)
		return err_set(e, ERR_EXTENSION_MERGE, errno, "mount a tmpfs at '%s'",
			       MERGE_WORKSPACE);
	return 0;
}

void merge_end(void)
{
	if (umount2(MERGE_WORKSPACE, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		log_warning("'%s' stays mounted: %s", MERGE_WORKSPACE, strerror(errno));
	rmdir(MERGE_WORKSPACE);
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

int merge_options(const char *hierarchy, const struct layer *layers, size_t n, char *ret,
		  size_t max)
{
	size_t used = 0;

	/* Layers must not point into each other: redirections are not followed. */
	if (append(ret, max, &used, "redirect_dir=nofollow,metacopy=off,lowerdir=%s%s", META,
		   hierarchy) < 0)
		return -1;
	for (size_t i = n; i > 0; i--)
		if (append(ret, max, &used, ":%s%s", layers[i - 1].top, hierarchy) < 0)
			return -1;
	return append(ret, max, &used, ":%s", hierarchy);
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
	const struct extension_class *class;
	const char *hierarchy;
	const struct layer *layers;
	size_t n;
};

static void meta_path(const struct merge *m, const char *file, char *ret, size_t max)
{
	snprintf(ret, max, META "%s/%s/%s", m->hierarchy, m->class->metadata, file);
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

	if (stat(m->hierarchy, &st) < 0)
		return err_set(e, ERR_EXTENSION_MERGE, errno, "look at '%s'", m->hierarchy);
	snprintf(top, sizeof(top), META "%s", m->hierarchy);
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
	char options[OPTIONS_BYTES];

	if (merge_options(m->hierarchy, m->layers, m->n, options, sizeof(options)) < 0)
		return err_set(e, ERR_EXTENSION_MERGE, 0, "too many layers for '%s'", m->hierarchy);
	if (mount(m->class->name, m->hierarchy, "overlay", MS_RDONLY | m->class->flags, options) < 0)
		return err_set(e, ERR_EXTENSION_MERGE, errno, "mount the overlay over '%s'",
			       m->hierarchy);
	return 0;
}

int merge_hierarchy(const struct extension_class *class, const char *hierarchy,
		    const struct layer *layers, size_t n, struct err *e)
{
	const struct merge m = { class, hierarchy, layers, n };
	struct stat st;
	int rc;

	if (mkdir(hierarchy, 0755) < 0 && errno != EEXIST)
		return err_set(e, ERR_EXTENSION_MERGE, errno, "make directory '%s'", hierarchy);
	rc = make_meta(&m, e);
	if (rc >= 0)
		rc = mount_overlay(&m, e);
	if (rc < 0)
		return rc;
	if (stat(hierarchy, &st) < 0)
		rc = err_set(e, ERR_EXTENSION_MERGE, errno, "look at '%s'", hierarchy);
	else
		rc = write_device(&m, "dev", &st, e);
	if (rc < 0)
		umount2(hierarchy, MNT_DETACH | UMOUNT_NOFOLLOW);
	return rc;
}

int merge_undo(const char *hierarchy, struct err *e)
{
	if (umount2(hierarchy, UMOUNT_NOFOLLOW) == 0)
		return 0;
	if (errno == EBUSY && umount2(hierarchy, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
		log_warning("'%s' is in use, its extensions go when it is not", hierarchy);
		return 0;
	}
	return err_set(e, ERR_EXTENSION_MERGE, errno, "unmount the overlay over '%s'", hierarchy);
}
