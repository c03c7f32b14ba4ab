/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* asprintf */
#include "mkinitrd/conf_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"

enum { N_FOLDERS = 3, MAX_BYTES = 64 * 1024, MAX_DROP_INS = 256 };

struct drop_ins {
	char *paths[MAX_DROP_INS]; /* owned */
	size_t n;
};

static void drop_ins_done(struct drop_ins *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->paths[i]);
}

/* A file that is empty, or a link to /dev/null, says nothing and so masks others. */
static int add_file(struct settings *s, const char *path, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	size_t n;
	int rc = file_read(AT_FDCWD, path, MAX_BYTES, &text, &n, e);

	return rc == 0 ? settings_add_text(s, path, text, n, e) : rc;
}

static const char *name_of(const char *path)
{
	return strrchr(path, '/') + 1;
}

static bool has(const struct drop_ins *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(name_of(d->paths[i]), name) == 0)
			return true;
	return false;
}

static bool is_drop_in(const char *name)
{
	size_t n = strlen(name);

	return name[0] != '.' && n > 5 && strcmp(name + n - 5, ".conf") == 0;
}

static int collect(struct drop_ins *d, const char *folder, struct err *e)
{
	SCOPED(mem_free) char *path = NULL;
	SCOPED(dir_close) DIR *dir = NULL;
	struct dirent *entry;

	if (asprintf(&path, "%s/mkinitrd.conf.d", folder) < 0)
		return err_set(e, ERR_MEMORY, 0, "no memory for '%s'", folder);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : err_set(e, ERR_SYSTEM, errno, "open '%s'", path);
	while ((errno = 0, entry = readdir(dir))) {
		if (!is_drop_in(entry->d_name) || has(d, entry->d_name))
			continue;
		if (d->n == MAX_DROP_INS)
			return err_set(e, ERR_CONFIG, 0, "'%.200s' and the folders like it have "
				       "more than %d files", path, MAX_DROP_INS);
		if (asprintf(&d->paths[d->n], "%s/%s", path, entry->d_name) < 0)
			return err_set(e, ERR_MEMORY, 0, "no memory for '%s'", path);
		d->n++;
	}
	return errno ? err_set(e, ERR_SYSTEM, errno, "read '%s'", path) : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(name_of(*(char *const *)a), name_of(*(char *const *)b));
}

static int add_main(struct settings *s, const char *const folders[static N_FOLDERS], struct err *e)
{
	for (size_t i = 0; i < N_FOLDERS; i++) {
		char path[PATH_MAX];

		if (snprintf(path, sizeof(path), "%s/mkinitrd.conf", folders[i]) >= PATH_MAX)
			return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "open '%.100s'", folders[i]);
		if (access(path, F_OK) == 0 || errno != ENOENT)
			return add_file(s, path, e);
	}
	return 0;
}

int conf_files_search(struct settings *s, const char *const folders[static N_FOLDERS],
		      struct err *e)
{
	SCOPED(drop_ins_done) struct drop_ins d = { .n = 0 };
	int rc = add_main(s, folders, e);

	for (size_t i = 0; i < N_FOLDERS && rc == 0; i++)
		rc = collect(&d, folders[i], e);
	if (d.n)
		qsort(d.paths, d.n, sizeof(*d.paths), by_name);
	for (size_t i = 0; i < d.n && rc == 0; i++)
		rc = add_file(s, d.paths[i], e);
	return rc;
}

int conf_files_add(struct settings *s, const char *file, struct err *e)
{
	static const char *const folders[N_FOLDERS] = {
		"/etc/slipway", "/run/slipway", "/usr/lib/slipway",
	};

	if (!file)
		return conf_files_search(s, folders, e);
	return strcmp(file, "none") == 0 ? 0 : add_file(s, file, e);
}
