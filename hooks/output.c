/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hooks/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"

struct walk {
	bool write; /* else only look */
	size_t n_entries, n_files, n_bytes;
};

static int refuse(const char *name, const char *why, struct err *e)
{
	return err_set(e, ERR_HOOK_FAILED, 0, "'%.100s' in its output %s", name, why);
}

/* In /run itself. */
static bool is_reserved(const char *name)
{
	static const char *const names[] = { "slipway", "log", "credentials", "udev", "initramfs" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static int copy(int from, int to, const char *name, const struct stat *st, struct err *e)
{
	static const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	SCOPED(fd_close) int fd = -1;
	SCOPED(mem_free) char *data = NULL;
	size_t n;
	int rc = file_read(from, name, OUTPUT_MAX_BYTES, &data, &n, e);

	if (rc < 0)
		return rc;
	fd = openat(to, name, flags, 0600);
	if (fd < 0 || write_full(fd, data, n) < 0 || fchmod(fd, st->st_mode & 0755) < 0)
		return err_set(e, ERR_SYSTEM, errno, "write '%.100s' of a hook's output", name);
	return 0;
}

static int take_file(struct walk *w, int from, int to, const char *name, const struct stat *st,
		     struct err *e)
{
	struct stat there;

	if (w->write) {
		w->n_files++;
		return copy(from, to, name, st, e);
	}
	w->n_bytes += (size_t)st->st_size;
	if (w->n_bytes > OUTPUT_MAX_BYTES)
		return refuse(name, "is more than 4 MiB with the others", e);
	if (to >= 0 && fstatat(to, name, &there, AT_SYMLINK_NOFOLLOW) == 0)
		return refuse(name, "is there already", e);
	return 0;
}

static int walk_folder(struct walk *w, int from, int to, unsigned depth, struct err *e);

static int take_folder(struct walk *w, int from, int to, const char *name, unsigned depth,
		       struct err *e)
{
	static const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	SCOPED(fd_close) int inner = openat(from, name, flags), outer = -1;

	if (inner < 0)
		return refuse(name, "cannot be opened", e);
	if (depth >= OUTPUT_MAX_DEPTH)
		return refuse(name, "lies too deep", e);
	if (w->write && mkdirat(to, name, 0755) < 0 && errno != EEXIST)
		return err_set(e, ERR_SYSTEM, errno, "make '%.100s' of a hook's output", name);
	if (to >= 0)
		outer = openat(to, name, flags);
	/* While it only looks, a folder may be missing, and so all in it. */
	if (to >= 0 && outer < 0 && (w->write || errno != ENOENT))
		return refuse(name, "is there already, and no folder", e);
	return walk_folder(w, inner, outer, depth + 1, e);
}

static int take(struct walk *w, int from, int to, const char *name, unsigned depth, struct err *e)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, ERR_SYSTEM, errno, "look at '%.100s'", name);
	if (depth == 0 && is_reserved(name))
		return refuse(name, "is not for hooks", e);
	if (++w->n_entries > 2 * (size_t)OUTPUT_MAX_FILES) /* both times */
		return refuse(name, "is one entry too many", e);
	if (S_ISREG(st.st_mode))
		return take_file(w, from, to, name, &st, e);
	return S_ISDIR(st.st_mode) ? take_folder(w, from, to, name, depth, e)
				   : refuse(name, "is neither file nor folder", e);
}

/* from is borrowed; to is -1 if there is no such folder yet. */
static int walk_folder(struct walk *w, int from, int to, unsigned depth, struct err *e)
{
	SCOPED(dir_close) DIR *dir = NULL;
	const struct dirent *d;
	int own = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (own >= 0)
		dir = fdopendir(own);
	if (!dir) {
		fd_close(&own);
		return err_set(e, ERR_SYSTEM, errno, "list a hook's output");
	}
	while (rc >= 0 && (errno = 0, d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = take(w, from, to, d->d_name, depth, e);
	return rc >= 0 && errno ? err_set(e, ERR_SYSTEM, errno, "list a hook's output") : rc;
}

int output_take(const char *from, const char *to, size_t *ret_n, struct err *e)
{
	static const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	SCOPED(fd_close) int source = open(from, flags);
	SCOPED(fd_close) int target = open(to, flags);
	struct walk w = { .write = false };
	int rc;

	*ret_n = 0;
	if (source < 0 || target < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%s' and '%s'", from, to);
	rc = walk_folder(&w, source, target, 0, e);
	if (rc < 0)
		return rc;
	w.write = true;
	rc = walk_folder(&w, source, target, 0, e);
	*ret_n = w.n_files;
	return rc;
}
