/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/discover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/log.h"
#include "init/core/path.h"
#include "modules/extension/versioned.h"

/* One folder that is searched. */
struct search {
	const struct extension_class *class;
	const char *directory;
	bool own;
	int fd;
	struct found_list *list;
};

static int is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static bool is_directory(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static DIR *open_list(int dir_fd, const char *name)
{
	SCOPED(fd_close) int fd = path_open_beneath(dir_fd, name, true);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		fd_take(&fd);
	return dir;
}

static bool is_empty(int dir_fd, const char *name)
{
	SCOPED(dir_close) DIR *dir = open_list(dir_fd, name);
	const struct dirent *d;

	while (dir && (d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			return false;
	return dir != NULL;
}

/* Makes f->file, the name of a folder NAME.raw.v or NAME.v, that of the newest in it, which must
 * be of f->kind. */
static bool pick_newest(const struct search *s, struct found *f)
{
	static const char *const suffixes[] = { [FOUND_IMAGE] = ".raw", [FOUND_DIRECTORY] = "" };
	SCOPED(dir_close) DIR *dir = open_list(s->fd, f->file);
	struct versioned best = { 0 }, v;
	size_t used = strlen(f->file);
	const struct dirent *d;

	while (dir && (d = readdir(dir))) {
		if (strlen(d->d_name) + used + 2 > sizeof(f->file) ||
		    !versioned_parse(d->d_name, f->name, suffixes[f->kind], &v) ||
		    is_directory(dirfd(dir), d->d_name) != (f->kind == FOUND_DIRECTORY))
			continue;
		if (*best.version && versioned_compare(&v, &best) <= 0)
			continue;
		best = v;
		f->file[used] = '/';
		strcpy(f->file + used + 1, d->d_name);
	}
	return *best.version;
}

/* What the entry is by its name and, in the initrd's own folders, by being a directory. */
static enum name_kind look(const struct search *s, const char *entry, struct found *f)
{
	bool directory = s->own && is_directory(s->fd, entry);
	size_t n = strlen(entry);
	enum name_kind kind;

	if (n >= EXTENSION_FILE_BYTES)
		return NAME_INVALID;
	memcpy(f->file, entry, n + 1);
	if (!directory)
		return extension_name(entry, s->class, f->name);
	if (n > 2 && strcmp(entry + n - 2, ".v") == 0) {
		char base[EXTENSION_FILE_BYTES];

		memcpy(base, entry, n - 2);
		base[n - 2] = '\0';
		kind = extension_name(base, s->class, f->name);
		if (kind == NAME_OTHER) {
			f->kind = FOUND_DIRECTORY;
			kind = extension_directory_name(base, s->class, f->name);
		}
		return kind == NAME_GOOD && !pick_newest(s, f) ? NAME_OTHER : kind;
	}
	f->kind = is_empty(s->fd, entry) ? FOUND_MASK : FOUND_DIRECTORY;
	return extension_directory_name(entry, s->class, f->name);
}

static bool is_listed(const struct found_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->at[i].name, name) == 0)
			return true;
	return false;
}

static void add(const struct search *s, const char *entry)
{
	struct found f = { .directory = s->directory, .own = s->own };

	switch (look(s, entry, &f)) {
	case NAME_OTHER:
		return;
	case NAME_FOREIGN:
		log_info("'%.200s' is no %s, it is left alone", entry, s->class->long_name);
		return;
	case NAME_INVALID: /* may hold control characters: not printed */
		log_warning("a file in '%s' has no valid extension name, it is skipped",
			    s->directory);
		return;
	case NAME_GOOD:
		break;
	}
	if (is_listed(s->list, f.name))
		log_info("'%s' in '%s' is skipped, there is one of that name already", entry,
			 s->directory);
	else if (s->list->n == MAX_EXTENSIONS)
		log_warning("extension '%s' skipped: more than %d extensions", f.name,
			    MAX_EXTENSIONS);
	else
		s->list->at[s->list->n++] = f;
}

int discover(const struct extension_class *class, const char *directory, bool own,
	     struct found_list *list, struct err *e)
{
	SCOPED(fd_close) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct search search = { class, directory, own, fd, list };
	struct dirent **entries = NULL;
	int n;

	if (fd < 0 && errno == ENOENT)
		return 0;
	n = fd < 0 ? -1 : scandir(directory, &entries, is_visible, alphasort);
	if (n < 0)
		return err_set(e, errno == ENOMEM ? ERR_MEMORY : ERR_SYSTEM, errno, "list '%s'",
			       directory);
	for (int i = 0; i < n; i++) {
		add(&search, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return extension_order(x->name, y->name);
}

void discover_sort(struct found_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->at[i].kind == FOUND_MASK)
			log_info("an empty directory in '%s' masks extension '%s'",
				 list->at[i].directory, list->at[i].name);
		else
			list->at[n++] = list->at[i];
	}
	list->n = n;
	qsort(list->at, list->n, sizeof(*list->at), compare);
}
