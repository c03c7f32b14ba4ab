/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/repack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <mbedtls/sha256.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/path.h"
#include "mkinitrd/output.h"
#include "modules/inputs/manifest.h"

enum { MAX_DEPTH = 32, MAX_WHY = 200 };

/* A line of the manifest; whether the tree has it. */
struct listed {
	struct cpio_entry entry; /* path and why are owned, there is no data */
	struct manifest_entry *line;
	bool seen;
};

struct work {
	int root;
	bool update;
	struct listed *listed; /* sorted by path */
	size_t n, room;
	struct initrd *out;
};

static void work_done(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		free(w->listed[i].entry.path);
		free(w->listed[i].entry.why);
		free(w->listed[i].line);
	}
	free(w->listed);
}

void repacked_done(struct repacked *r)
{
	initrd_done(&r->initrd);
}

/* The last field of the line that ends before at. */
static char *why_before(const char *text, const char *at)
{
	const char *line = --at, *why;

	while (line > text && line[-1] != '\n')
		line--;
	why = line;
	for (int fields = 0; fields < 4; fields++)
		why = (const char *)memchr(why, '\t', (size_t)(at - why)) + 1;
	return strndup(why, (size_t)(at - why) < MAX_WHY ? (size_t)(at - why) : MAX_WHY);
}

static int add_listed(struct work *w, const struct manifest_entry *line, char *why, struct err *e)
{
	struct listed one = { .line = malloc(sizeof(*line)) };
	struct listed *grown = w->listed;

	one.entry = (struct cpio_entry){
		.path = strdup(line->path + 1), .mode = line->mode, .major = line->major,
		.minor = line->minor, .why = why,
	};
	if (w->n == w->room) {
		w->room = w->room ? 2 * w->room : 256;
		grown = realloc(w->listed, w->room * sizeof(*grown));
	}
	if (!one.line || !one.entry.path || !why || !grown) {
		free(one.line);
		free(one.entry.path);
		free(why);
		return err_set(e, ERR_MEMORY, 0, "no memory for the manifest");
	}
	w->listed = grown;
	*one.line = *line;
	w->listed[w->n++] = one;
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct listed *)a)->entry.path,
		      ((const struct listed *)b)->entry.path);
}

static struct listed *find(const struct work *w, const char *path)
{
	struct listed key = { .entry.path = (char *)path };

	return w->n ? bsearch(&key, w->listed, w->n, sizeof(key), by_path) : NULL;
}

/* The parser has seen that the first line is one of this version. */
static int parse_time(const char *text, uint32_t *ret, struct err *e)
{
	const char *line = strstr(text, " time="), *end = strchr(text, '\n');
	unsigned long long time;

	if (!line || line > end || sscanf(line, " time=%10llu", &time) != 1 || time > UINT32_MAX)
		return err_set(e, ERR_INITRD_INCOMPLETE, 0, "'%s' does not say the time of the files",
			       MANIFEST_PATH);
	*ret = (uint32_t)time;
	return 0;
}

static int read_manifest(struct work *w, const char *text, size_t n, uint32_t *ret_time,
			 struct err *e)
{
	SCOPED(mem_free) struct manifest_entry *line = malloc(sizeof(*line));
	struct manifest m;
	int rc;

	if (!line)
		return err_set(e, ERR_MEMORY, 0, "no memory for the manifest");
	rc = manifest_begin(text, n, &m, e);
	if (rc == 0)
		rc = parse_time(text, ret_time, e);
	if (rc < 0)
		return rc;
	while ((rc = manifest_next(&m, line, e)) > 0) {
		rc = add_listed(w, line, why_before(text, m.at), e);
		if (rc < 0)
			return rc;
	}
	if (w->n)
		qsort(w->listed, w->n, sizeof(*w->listed), by_path);
	for (size_t i = 1; i < w->n && rc == 0; i++)
		if (strcmp(w->listed[i - 1].entry.path, w->listed[i].entry.path) == 0)
			rc = err_set(e, ERR_INITRD_INCOMPLETE, 0, "'%s' lists '/%.200s' twice",
				     MANIFEST_PATH, w->listed[i].entry.path);
	return rc;
}

static int differs(const char *path, const char *how, struct err *e)
{
	return err_set(e, ERR_CONFIG, 0,
		       "'/%.150s' %s, so that this would be another image; --update makes a new manifest",
		       path, how);
}

static int read_data(int folder, const char *name, uint32_t type, struct cpio_entry *entry,
		     struct err *e)
{
	char target[PATH_MAX];
	ssize_t n;

	if (type == S_IFREG)
		return file_read(folder, name, INITRD_MAX_FILE, &entry->data, &entry->n_data, e);
	if (type == S_IFDIR)
		return 0;
	n = readlinkat(folder, name, target, sizeof(target) - 1);
	if (n < 0)
		return err_set(e, ERR_SYSTEM, errno, "read the link '%.200s'", entry->path);
	target[n] = '\0';
	entry->data = strdup(target);
	entry->n_data = (size_t)n;
	return entry->data ? 0 : err_set(e, ERR_MEMORY, 0, "no memory for '%.200s'", entry->path);
}

static int check(const struct work *w, const struct listed *there, const struct cpio_entry *entry,
		 struct err *e)
{
	uint8_t hash[32];

	if (w->update)
		return 0;
	if (!there)
		return differs(entry->path, "is not in the manifest", e);
	if (((there->entry.mode ^ entry->mode) & S_IFMT) != 0)
		return differs(entry->path, "has another type than in the manifest", e);
	if (!there->line->has_digest)
		return 0;
	if (mbedtls_sha256((const unsigned char *)entry->data, entry->n_data, hash, 0) != 0)
		return err_set(e, ERR_SYSTEM, 0, "hash '%.200s'", entry->path);
	return memcmp(hash, there->line->sha256, sizeof(hash)) == 0
		       ? 0
		       : differs(entry->path, "is not what the manifest says", e);
}

static uint32_t usual_mode(const struct stat *st)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFLNK: return S_IFLNK | 0777;
	case S_IFDIR: return S_IFDIR | 0755;
	default: return st->st_mode & S_IXUSR ? S_IFREG | 0755 : S_IFREG | 0644;
	}
}

/* Takes what the entry owns. */
static int append(struct initrd *out, struct cpio_entry *entry, struct err *e)
{
	struct cpio_entry *grown = NULL;

	if (entry->path && entry->why)
		grown = realloc(out->entries, (out->n + 1) * sizeof(*grown));
	if (!grown) {
		free(entry->path);
		free(entry->why);
		free(entry->data);
		return err_set(e, ERR_MEMORY, 0, "no memory for the list of files");
	}
	out->entries = grown;
	out->entries[out->n++] = *entry;
	return 0;
}

static int add_found(struct work *w, int folder, const char *name, const char *path,
		     const struct stat *st, struct err *e)
{
	struct listed *there = find(w, path);
	struct cpio_entry entry = {
		.path = strdup(path), .mode = usual_mode(st),
		.why = strdup(there ? there->entry.why : "added to the unpacked image"),
	};
	int rc = entry.path && entry.why ? read_data(folder, name, st->st_mode & S_IFMT, &entry, e)
					 : err_set(e, ERR_MEMORY, 0, "no memory for '%.200s'", path);

	if (rc == 0)
		rc = check(w, there, &entry, e);
	if (rc < 0) {
		free(entry.path);
		free(entry.why);
		free(entry.data);
		return rc;
	}
	if (there && ((there->entry.mode ^ entry.mode) & S_IFMT) == 0)
		entry.mode = there->entry.mode;
	if (there)
		there->seen = true;
	return append(w->out, &entry, e);
}

static int walk(struct work *w, const char *path, unsigned depth, struct err *e);

static int walk_one(struct work *w, int folder, const char *path, const char *name, unsigned depth,
		    struct err *e)
{
	char child[PATH_MAX];
	struct stat st;
	int rc;

	if (snprintf(child, sizeof(child), "%s%s%s", path, *path ? "/" : "", name) >= PATH_MAX)
		return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "pack '%s'", name);
	if (strcmp(child, &MANIFEST_PATH[1]) == 0)
		return 0;
	if (strpbrk(child, "\t\n"))
		return err_set(e, ERR_CONFIG, 0,
			       "'%.200s' has a tab or a newline in its name, which no manifest can list",
			       child);
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, ERR_SYSTEM, errno, "look at '%s'", child);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode)) {
		const struct listed *there = find(w, child);

		/* Root may have unpacked it by other means. */
		return there && ((there->entry.mode ^ st.st_mode) & S_IFMT) == 0
			       ? 0
			       : err_set(e, ERR_CONFIG, 0, "'%s' is no file, link or folder", child);
	}
	rc = add_found(w, folder, name, child, &st, e);
	return rc == 0 && S_ISDIR(st.st_mode) ? walk(w, child, depth + 1, e) : rc;
}

static int walk(struct work *w, const char *path, unsigned depth, struct err *e)
{
	SCOPED(fd_close) int fd = path_open_beneath(w->root, *path ? path : ".", false);
	SCOPED(dir_close) DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	int rc = 0;

	if (!folder)
		return err_set(e, ERR_SYSTEM, errno, "open the folder '%s'", *path ? path : ".");
	fd_take(&fd);
	if (depth == MAX_DEPTH)
		return err_set(e, ERR_CONFIG, 0, "'%.200s' nests deeper than %d folders", path, MAX_DEPTH);
	while (rc == 0 && (errno = 0, d = readdir(folder)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = walk_one(w, dirfd(folder), path, d->d_name, depth, e);
	return rc == 0 && errno ? err_set(e, ERR_SYSTEM, errno, "read the folder '%s'", path) : rc;
}

/* Device nodes are only in the manifest. */
static int add_rest(struct work *w, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < w->n && rc == 0; i++) {
		struct cpio_entry entry = w->listed[i].entry;

		if (S_ISCHR(entry.mode) || S_ISBLK(entry.mode)) {
			entry.path = strdup(entry.path);
			entry.why = strdup(entry.why);
			rc = append(w->out, &entry, e);
		} else if (!w->listed[i].seen && !w->update) {
			rc = differs(entry.path, "is in the manifest and gone", e);
		}
	}
	return rc;
}

static int add_manifest(struct work *w, uint32_t time, const char *text, size_t n, struct err *e)
{
	SCOPED(buffer_done) struct buffer made = { 0 };
	int rc;

	initrd_sort(w->out);
	rc = w->update ? manifest_write(w->out, time, &made, e) : buffer_append(&made, text, n, e);
	if (rc < 0)
		return rc;
	rc = initrd_add_data(w->out, MANIFEST_PATH, ptr_take(&made.p), made.n, "this list", e);
	initrd_sort(w->out);
	return rc;
}

/* Its folder may be no link: what one leads to is none of the image's. */
static int load_manifest(int root, const char *folder, char **ret, size_t *ret_n, struct err *e)
{
	SCOPED(fd_close) int etc = path_open_beneath(root, "etc", false);
	const char *name = strrchr(MANIFEST_PATH, '/') + 1;
	struct stat st;

	if (etc < 0 || fstatat(etc, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFIG, 0,
			       "'%.150s' has no file %s; only what was unpacked of an image with a "
			       "manifest can be packed again",
			       folder, &MANIFEST_PATH[1]);
	return file_read(etc, name, MANIFEST_MAX_BYTES, ret, ret_n, e);
}

int repack(const char *folder, bool update, struct repacked *ret, struct err *e)
{
	SCOPED(fd_close) int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SCOPED(work_done) struct work w = { .root = root, .update = update, .out = &ret->initrd };
	SCOPED(mem_free) char *text = NULL;
	size_t n = 0;
	int rc;

	if (root < 0)
		return err_set(e, ERR_SYSTEM, errno, "open the folder '%s'", folder);
	rc = load_manifest(root, folder, &text, &n, e);
	if (rc == 0)
		rc = read_manifest(&w, text, n, &ret->time, e);
	if (rc == 0)
		rc = walk(&w, "", 0, e);
	if (rc == 0)
		rc = add_rest(&w, e);
	return rc == 0 ? add_manifest(&w, ret->time, text, n, e) : rc;
}
