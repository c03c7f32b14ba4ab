/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which hooks a point has, and what they are. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hooks/hooks.h"
#include "init/core/bytes.h"
#include "init/core/cleanup.h"
#include "init/core/file.h"

enum { PROGRAM_MAX_BYTES = 64 * 1024 * 1024 };

static const char suffix[] = ".hook";

struct found {
	struct hooks *list;
	size_t n_declarations; /* whose hooks were not read yet */
};

bool hooks_present(enum hook_point point)
{
	char path[64];

	snprintf(path, sizeof(path), HOOKS_FOLDER "/%s", hook_point_name(point));
	/* A link that leads nowhere is no reason to think that there are none. */
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* Reads a file, if there is one, and tells its digest. */
static int read_whole(int dir, const char *file, size_t max, char **ret, size_t *ret_n,
		      char digest[static HOOK_DIGEST_BYTES], struct err *e)
{
	int rc = file_read(dir, file, max, ret, ret_n, e);

	if (rc < 0 && e->errnum != ENOENT)
		return rc;
	rc = hook_digest((struct bytes){ (const uint8_t *)*ret, *ret_n }, digest, e);
	return rc < 0 ? err_in(e, "'%s'", file) : 0;
}

static int read_hook(struct found *f, int dir, struct hook *h, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	SCOPED(mem_free) char *data = NULL;
	char file[HOOK_NAME_BYTES + sizeof(suffix)];
	size_t n_text = 0, n_data = 0;
	int rc;

	snprintf(file, sizeof(file), "%s%s", h->name, suffix);
	rc = read_whole(dir, file, DECLARATION_MAX_BYTES, &text, &n_text, h->declared, e);
	if (rc >= 0)
		rc = declaration_parse(text ? text : "", n_text, h->name, &h->declaration, e);
	if (rc >= 0)
		rc = read_whole(dir, h->name, PROGRAM_MAX_BYTES, &data, &n_data, h->program, e);
	f->n_declarations -= text != NULL;
	h->script = n_data >= 2 && memcmp(data, "#!", 2) == 0;
	return rc;
}

/* The name of the hook that it is, or that it declares. */
static bool name_of(const char *file, char ret[static HOOK_NAME_BYTES], bool *ret_declares)
{
	const char *dot = strchr(file, '.');
	size_t n = dot ? (size_t)(dot - file) : strlen(file);

	*ret_declares = dot != NULL;
	snprintf(ret, HOOK_NAME_BYTES, "%.*s", (int)n, file);
	return n < HOOK_NAME_BYTES && hook_name_valid(ret) && (!dot || strcmp(dot, suffix) == 0);
}

static int add(struct found *f, int dir, const char *file, struct err *e)
{
	struct hooks *list = f->list;
	char name[HOOK_NAME_BYTES];
	size_t at = list->n;
	bool declares;
	struct stat st;

	if (!name_of(file, name, &declares) || fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return err_set(e, ERR_HOOK_INVALID, 0,
			       "'%.80s' is neither a hook nor the declaration of one", file);
	f->n_declarations += declares;
	if (declares)
		return 0;
	if (list->n == HOOKS_MAX)
		return err_set(e, ERR_HOOK_INVALID, 0, "'%s' is one hook too many", file);
	for (; at > 0 && strcmp(list->at[at - 1].name, name) > 0; at--)
		list->at[at] = list->at[at - 1];
	strcpy(list->at[at].name, name);
	list->n++;
	return 0;
}

static int add_all(struct found *f, DIR *dir, struct err *e)
{
	const struct dirent *d;
	int rc = 0;

	while (rc >= 0 && (errno = 0, d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = add(f, dirfd(dir), d->d_name, e);
	return rc >= 0 && errno ? err_set(e, ERR_SYSTEM, errno, "list the hooks") : rc;
}

static int find(DIR *dir, enum hook_point point, struct hooks *list, struct err *e)
{
	struct found f = { .list = list };
	int rc = add_all(&f, dir, e);

	for (size_t i = 0; i < list->n && rc >= 0; i++) {
		list->at[i].point = point;
		rc = read_hook(&f, dirfd(dir), &list->at[i], e);
	}
	if (rc >= 0 && f.n_declarations)
		return err_set(e, ERR_HOOK_INVALID, 0, "there is a declaration without its hook");
	return rc;
}

int hooks_find(const char *root, enum hook_point point, struct hooks **ret, struct err *e)
{
	SCOPED(mem_free) struct hooks *list = calloc(1, sizeof(*list));
	SCOPED(dir_close) DIR *dir = NULL;
	char path[PATH_MAX];
	int rc = 0;

	if (!list)
		return err_set(e, ERR_MEMORY, 0, "no memory for hooks");
	snprintf(path, sizeof(path), "%s" HOOKS_FOLDER "/%s", root, hook_point_name(point));
	dir = opendir(path);
	if (!dir && (errno != ENOENT || faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0))
		return err_set(e, ERR_HOOK_INVALID, errno, "open '%s'", path);
	if (dir)
		rc = find(dir, point, list, e);
	if (rc >= 0)
		*ret = ptr_take(&list);
	return rc;
}
