/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/initrd.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "mkinitrd/source.h"

enum { MAX_DEPTH = 32 };

static void entry_done(struct cpio_entry *entry)
{
	free(entry->path);
	free(entry->data);
	free(entry->why);
}

void initrd_done(struct initrd *i)
{
	for (size_t n = 0; n < i->n; n++)
		entry_done(&i->entries[n]);
	free(i->entries);
	*i = (struct initrd){ 0 };
}

static bool component_ok(const char *p, size_t n)
{
	if (n == 0 || n > NAME_MAX || (n == 1 && p[0] == '.') ||
	    (n == 2 && p[0] == '.' && p[1] == '.'))
		return false;
	for (size_t i = 0; i < n; i++)
		if (iscntrl((unsigned char)p[i]))
			return false;
	return true;
}

/* One form for each path: no leading slash, no empty part, no dots, no control
 * characters, which would forge lines of the manifest. */
static int check_path(const char *path, struct err *e)
{
	for (const char *at = path;;) {
		size_t n = strcspn(at, "/");

		if (!component_ok(at, n) || at + n - path >= PATH_MAX)
			return err_set(e, ERR_CONFIG, 0,
				       "'%.200s' cannot be a path in the initrd; give it plainly, "
				       "as in /usr/lib/x",
				       path);
		if (!at[n])
			return 0;
		at += n + 1;
	}
}

static const struct cpio_entry *find(const struct initrd *i, const char *path, size_t n)
{
	for (size_t k = 0; k < i->n; k++)
		if (strncmp(i->entries[k].path, path, n) == 0 && !i->entries[k].path[n])
			return &i->entries[k];
	return NULL;
}

/* Takes what the entry owns, also on failure. */
static int append(struct initrd *i, struct cpio_entry *entry, struct err *e)
{
	struct cpio_entry *grown = NULL;

	if (entry->path && entry->why)
		grown = realloc(i->entries, (i->n + 1) * sizeof(*grown));
	if (!grown) {
		entry_done(entry);
		return err_set(e, ERR_MEMORY, 0, "no memory for the list of files");
	}
	i->entries = grown;
	i->entries[i->n++] = *entry;
	return 0;
}

static int add_parents(struct initrd *i, const char *path, struct err *e)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t n = (size_t)(slash - path);
		const struct cpio_entry *there = find(i, path, n);
		struct cpio_entry folder = { .mode = S_IFDIR | 0755 };
		int rc;

		if (there && S_ISDIR(there->mode))
			continue;
		if (there)
			return err_set(e, ERR_CONFIG, 0,
				       "'%.150s' cannot be packed: '%.80s' is no folder", path,
				       there->path);
		folder.path = strndup(path, n);
		folder.why = strdup("parent folder");
		rc = append(i, &folder, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Takes data, also on failure. */
static int add(struct initrd *i, const char *path, struct cpio_entry entry, const char *why,
	       struct err *e)
{
	const struct cpio_entry *there;
	int rc;

	path += strspn(path, "/");
	there = find(i, path, strlen(path));
	rc = check_path(path, e);
	if (rc == 0 && there && !(S_ISDIR(there->mode) && S_ISDIR(entry.mode)))
		rc = err_set(e, ERR_CONFIG, 0,
			     "'%.150s' would be packed twice, as %.60s and as %.60s", path,
			     there->why, why);
	if (rc == 0 && !there)
		rc = add_parents(i, path, e);
	if (rc < 0 || there) {
		free(entry.data);
		return rc;
	}
	entry.path = strdup(path);
	entry.why = strdup(why);
	return append(i, &entry, e);
}

int initrd_add_folder(struct initrd *i, const char *path, const char *why, struct err *e)
{
	return add(i, path, (struct cpio_entry){ .mode = S_IFDIR | 0755 }, why, e);
}

int initrd_add_console(struct initrd *i, const char *path, const char *why, struct err *e)
{
	return add(i, path, (struct cpio_entry){ .mode = S_IFCHR | 0600, .major = 5, .minor = 1 },
		   why, e);
}

static int add_string(struct initrd *i, const char *path, uint32_t mode, const char *text,
		      const char *why, struct err *e)
{
	struct cpio_entry entry = { .mode = mode, .data = strdup(text), .n_data = strlen(text) };

	if (!entry.data)
		return err_set(e, ERR_MEMORY, 0, "no memory for '%s'", path);
	return add(i, path, entry, why, e);
}

int initrd_add_link(struct initrd *i, const char *path, const char *target, const char *why,
		    struct err *e)
{
	return add_string(i, path, S_IFLNK | 0777, target, why, e);
}

int initrd_add_text(struct initrd *i, const char *path, const char *text, const char *why,
		    struct err *e)
{
	return add_string(i, path, S_IFREG | 0644, text, why, e);
}

int initrd_add_data(struct initrd *i, const char *path, char *data, size_t n, const char *why,
		    struct err *e)
{
	return add(i, path, (struct cpio_entry){ .mode = S_IFREG | 0644, .data = data, .n_data = n },
		   why, e);
}

bool initrd_has(const struct initrd *i, const char *path)
{
	return find(i, path, strlen(path)) != NULL;
}

int initrd_add_file(struct initrd *i, const char *path, const char *source, bool executable,
		    const char *why, struct err *e)
{
	struct cpio_entry entry = { .mode = executable ? S_IFREG | 0755 : S_IFREG | 0644 };
	int rc = source_read(source, INITRD_MAX_FILE, &entry.data, &entry.n_data, e);

	return rc < 0 ? rc : add(i, path, entry, why, e);
}

static int add_any(struct initrd *i, const char *path, const char *source, const char *why,
		   unsigned depth, struct err *e);

static int add_children(struct initrd *i, const char *path, const char *source, const char *why,
			unsigned depth, struct err *e)
{
	SCOPED(dir_close) DIR *folder = opendir(source);
	struct dirent *d;
	int rc = initrd_add_folder(i, path, why, e);

	if (!folder)
		return err_set(e, ERR_SYSTEM, errno, "open '%s'", source);
	if (depth == MAX_DEPTH)
		return err_set(e, ERR_CONFIG, 0, "'%.200s' nests deeper than %d folders", source,
			       MAX_DEPTH);
	while (rc == 0 && (errno = 0, d = readdir(folder))) {
		char child_path[PATH_MAX], child_source[PATH_MAX];

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (snprintf(child_path, sizeof(child_path), "%s/%s", path, d->d_name) >=
			    PATH_MAX ||
		    snprintf(child_source, sizeof(child_source), "%s/%s", source, d->d_name) >=
			    PATH_MAX)
			return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "pack '%s'", d->d_name);
		rc = add_any(i, child_path, child_source, why, depth + 1, e);
	}
	return rc == 0 && errno ? err_set(e, ERR_SYSTEM, errno, "read '%s'", source) : rc;
}

static int add_any(struct initrd *i, const char *path, const char *source, const char *why,
		   unsigned depth, struct err *e)
{
	char target[PATH_MAX];
	struct stat st;
	ssize_t n;

	/* The user may name a link and means what it leads to. */
	if ((depth ? lstat(source, &st) : stat(source, &st)) < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%s'", source);
	if (S_ISDIR(st.st_mode))
		return add_children(i, path, source, why, depth, e);
	if (S_ISREG(st.st_mode))
		return initrd_add_file(i, path, source, st.st_mode & S_IXUSR, why, e);
	if (!S_ISLNK(st.st_mode))
		return err_set(e, ERR_CONFIG, 0, "'%.200s' is no file, link or folder", source);
	n = readlink(source, target, sizeof(target) - 1);
	if (n < 0)
		return err_set(e, ERR_SYSTEM, errno, "read the link '%s'", source);
	target[n] = '\0';
	return initrd_add_link(i, path, target, why, e);
}

int initrd_add_tree(struct initrd *i, const char *path, const char *source, const char *why,
		    struct err *e)
{
	return add_any(i, path, source, why, 0, e);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct cpio_entry *)a)->path, ((const struct cpio_entry *)b)->path);
}

void initrd_sort(struct initrd *i)
{
	if (i->n)
		qsort(i->entries, i->n, sizeof(*i->entries), by_path);
}
