/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "init/core/cleanup.h"

enum {
	MAX_DEPTH = 32,
	MAX_ENTRIES = 100000,
};

static const struct {
	const char *path, *why;
} forbidden[] = {
	{ "usr/lib/os-release", "is what makes a whole system, not an extension" },
	{ "usr/lib/initrd-release", "would change what this initrd is" },
	{ "usr/lib/slipway", "would replace hooks or settings of the initrd" },
	{ "usr/lib/verity.d", "would replace trust anchors" },
	{ "usr/local/lib/verity.d", "would replace trust anchors" },
	{ "usr/.systemd-sysext", "belongs to the merged tree" },
	{ "opt/.systemd-sysext", "belongs to the merged tree" },
	{ "etc/initrd-release", "would change what this initrd is" },
	{ "etc/os-release", "would change what this initrd is" },
	{ "etc/slipway", "would replace hooks or settings of the initrd" },
	{ "etc/slipway.conf", "would replace hooks or settings of the initrd" },
	{ "etc/slipway.manifest", "would change what this initrd is" },
	{ "etc/verity.d", "would replace trust anchors" },
	{ "etc/.systemd-confext", "belongs to the merged tree" },
};

const char *tree_forbids(const char *path, bool is_directory)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++) {
		const char *p = forbidden[i].path;

		if (strcmp(p, path) == 0)
			return forbidden[i].why;
		/* A file or link in place of usr/lib hides all that the initrd has there. */
		if (!is_directory && strncmp(p, path, n) == 0 && p[n] == '/')
			return "must be a directory";
	}
	return NULL;
}

static bool begins(const char *path, const char *with)
{
	size_t n = strlen(with);

	return strncmp(path, with, n) == 0 && (!path[n] || path[n] == '/');
}

/* A hook, or what declares one: neither may be changed by the other half. */
static bool has_hook(const struct tree_hooks *hooks, const char *path)
{
	char name[PATH_MAX];
	size_t n = strlen(path);

	if (n > 5 && strcmp(path + n - 5, ".hook") == 0)
		n -= 5;
	snprintf(name, sizeof(name), "%.*s.hook", (int)n, path);
	if (hooks->in_initrd(hooks->initrd, name))
		return true;
	name[n] = '\0';
	return hooks->in_initrd(hooks->initrd, name);
}

const char *tree_forbids_with(const struct tree_hooks *hooks, const char *path, bool is_directory)
{
	static const char top[] = "usr/lib/slipway", folder[] = "usr/lib/slipway/hooks";

	if (!hooks || !begins(path, top))
		return tree_forbids(path, is_directory);
	/* Of folders those of points, and what leads there. */
	if (is_directory && (begins(folder, path) ||
			     (begins(path, folder) && !strchr(path + strlen(folder) + 1, '/'))))
		return NULL;
	/* A hook lies in the folder of a point. */
	return !is_directory && begins(path, folder) && path[strlen(folder)] &&
			       strchr(path + strlen(folder) + 1, '/') && !has_hook(hooks, path) ?
	       NULL : tree_forbids(top, true);
}

static bool may_lead_to(const struct extension_class *class, const char *name, size_t n)
{
	for (const char *const *at = class->links; *at; at++)
		if (strlen(*at + 1) == n && memcmp(*at + 1, name, n) == 0)
			return true;
	return false;
}

/* Directories above the entry: 2 for "usr/lib/x". */
static unsigned depth_of(const char *path)
{
	unsigned n = 0;

	while ((path = strchr(path, '/'))) {
		path++;
		n++;
	}
	return n;
}

bool tree_link_stays(const struct extension_class *class, const char *path, const char *target)
{
	unsigned depth = *target == '/' ? 0 : depth_of(path);
	bool named = *target == '/';

	while (*target) {
		size_t n = strcspn(target, "/");
		bool dot = n == 0 || (n == 1 && *target == '.');

		if (n == 2 && memcmp(target, "..", 2) == 0) {
			if (named)
				return false;
			depth -= depth > 0;
		} else if (!dot) {
			if (depth == 0 && !may_lead_to(class, target, n))
				return false;
			named = true;
			depth++;
		}
		target += n + (target[n] == '/');
	}
	return depth > 0;
}

struct walk {
	const struct extension_class *class;
	const struct tree_hooks *hooks;
	unsigned n_entries;
	char path[PATH_MAX];
};

/* The builder chose the path; the console need not obey what is in it. */
static int refuse(const struct walk *w, const char *why, struct err *e)
{
	char shown[201];

	snprintf(shown, sizeof(shown), "%.200s", w->path);
	for (char *c = shown; *c; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			*c = '?';
	return err_set(e, ERR_EXTENSION_MALFORMED, 0, "its '/%s' %s", shown, why);
}

static int fail(const struct walk *w, const char *verb, struct err *e)
{
	int errnum = errno;

	return err_set(e, ERR_SYSTEM, errnum, "%s '/%.200s' of the extension", verb, w->path);
}

static int check_link(const struct walk *w, int dir_fd, const char *name, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, name, target, sizeof(target));

	if (n < 0)
		return fail(w, "read the link", e);
	if ((size_t)n == sizeof(target))
		return refuse(w, "is a link with an endless target", e);
	target[n] = '\0';
	if (!tree_link_stays(w->class, w->path, target)) {
		char why[64];

		snprintf(why, sizeof(why), "is a link that leaves %s", w->class->links_text);
		return refuse(w, why, e);
	}
	return 0;
}

static int type_of(int dir_fd, const struct dirent *d)
{
	struct stat st;

	if (d->d_type != DT_UNKNOWN)
		return d->d_type;
	if (fstatat(dir_fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return (int)IFTODT(st.st_mode);
}

static int walk_directory(struct walk *w, int dir_fd, const char *name, unsigned depth,
			  struct err *e);

/* w->path names the entry. */
static int check_entry(struct walk *w, int dir_fd, const struct dirent *d, unsigned depth,
		       struct err *e)
{
	int type = type_of(dir_fd, d);
	const char *why;

	if (type < 0)
		return fail(w, "look at", e);
	why = tree_forbids_with(w->hooks, w->path, type == DT_DIR);
	if (why)
		return refuse(w, why, e);
	if (++w->n_entries > MAX_ENTRIES)
		return refuse(w, "is one entry too many", e);
	switch (type) {
	case DT_REG:
		return 0;
	case DT_DIR:
		return walk_directory(w, dir_fd, d->d_name, depth + 1, e);
	case DT_LNK:
		return check_link(w, dir_fd, d->d_name, e);
	default: /* also overlayfs whiteouts, which are devices */
		return refuse(w, "is neither file, directory nor link", e);
	}
}

static int walk_entries(struct walk *w, DIR *dir, unsigned depth, struct err *e)
{
	size_t used = strlen(w->path);
	const struct dirent *d;
	int rc = 0;

	while (rc >= 0 && (errno = 0, d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (used + 1 + strlen(d->d_name) >= sizeof(w->path))
			return refuse(w, "holds a path that is too long", e);
		snprintf(w->path + used, sizeof(w->path) - used, "/%s", d->d_name);
		rc = check_entry(w, dirfd(dir), d, depth, e);
		w->path[used] = '\0';
	}
	return rc == 0 && errno ? fail(w, "list", e) : rc;
}

/* dir_fd/name is what w->path names. */
static int walk_directory(struct walk *w, int dir_fd, const char *name, unsigned depth,
			  struct err *e)
{
	static const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	SCOPED(fd_close) int fd = openat(dir_fd, name, flags);
	SCOPED(dir_close) DIR *dir = NULL;

	if (depth > MAX_DEPTH)
		return refuse(w, "lies too deep", e);
	if (fd < 0)
		return fail(w, "open", e);
	/* It would hide the initrd's directory of that name. */
	if (fgetxattr(fd, "trusted.overlay.opaque", NULL, 0) >= 0)
		return refuse(w, "is an opaque directory", e);
	dir = fdopendir(fd);
	if (!dir)
		return fail(w, "open", e);
	fd_take(&fd);
	return walk_entries(w, dir, depth, e);
}

bool tree_has(int root_fd, const char *hierarchy)
{
	struct stat st;

	return fstatat(root_fd, hierarchy, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int tree_check(int root_fd, const struct extension_class *class, const struct tree_hooks *hooks,
	       struct err *e)
{
	struct walk w = { .class = class, .hooks = hooks };

	for (const char *const *at = class->hierarchies; *at; at++) {
		struct stat st;
		int rc;

		snprintf(w.path, sizeof(w.path), "%s", *at + 1);
		if (fstatat(root_fd, w.path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT)
				continue;
			return fail(&w, "look at", e);
		}
		if (!S_ISDIR(st.st_mode))
			return refuse(&w, "must be a directory", e);
		rc = walk_directory(&w, root_fd, *at + 1, 1, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}
