/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

static int changed(const char *path, struct err *e)
{
	return err_set(e, ERR_SYSTEM, 0,
		       "'%.200s' was changed while it was read; build again when nothing writes "
		       "there",
		       path);
}

/* A file of the sources has a size; one more byte than that shows that it grew. */
static int read_stable(int fd, const char *path, const struct stat *before, char **ret,
		       struct err *e)
{
	size_t n = (size_t)before->st_size;
	SCOPED(mem_free) char *data = malloc(n + 1);
	struct stat after;
	ssize_t got;

	if (!data)
		return err_set(e, ERR_MEMORY, 0, "read '%.200s': no memory for %zu bytes", path, n);
	got = read_upto(fd, data, n + 1);
	if (got < 0 || fstat(fd, &after) < 0)
		return err_set(e, ERR_SYSTEM, errno, "read '%s'", path);
	if ((size_t)got != n || !same(before, &after))
		return changed(path, e);
	data[n] = '\0';
	*ret = ptr_take(&data);
	return 0;
}

static int look_at(int fd, const char *path, size_t max, struct stat *ret, struct err *e)
{
	if (fstat(fd, ret) < 0)
		return err_set(e, ERR_SYSTEM, errno, "look at '%s'", path);
	if (!S_ISREG(ret->st_mode))
		return err_set(e, ERR_SYSTEM, 0, "'%.200s' is no regular file", path);
	if ((uintmax_t)ret->st_size > max)
		return err_set(e, ERR_SYSTEM, 0,
			       "'%.200s' has %lld bytes, and a file like it may have %zu at most",
			       path, (long long)ret->st_size, max);
	return 0;
}

int source_read_fd(int fd, const char *path, size_t max, char **ret, size_t *ret_n,
		   struct err *e)
{
	struct stat before;
	int rc = look_at(fd, path, max, &before, e);

	if (rc == 0)
		rc = read_stable(fd, path, &before, ret, e);
	*ret_n = rc == 0 ? (size_t)before.st_size : 0;
	return rc;
}

int source_read(const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
	SCOPED(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	SCOPED(mem_free) char *data = NULL;
	struct stat before, now;
	int rc;

	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%s'", path);
	rc = look_at(fd, path, max, &before, e);
	if (rc == 0)
		rc = read_stable(fd, path, &before, &data, e);
	if (rc < 0)
		return rc;
	if (stat(path, &now) < 0 || now.st_dev != before.st_dev || now.st_ino != before.st_ino)
		return changed(path, e);
	*ret = ptr_take(&data);
	*ret_n = (size_t)before.st_size;
	return 0;
}

int source_copy(const char *path, const char *to, size_t max, struct err *e)
{
	SCOPED(mem_free) char *data = NULL;
	size_t n;
	int rc = source_read(path, max, &data, &n, e);

	if (rc < 0)
		return e->errnum == ENOENT ? 0 : rc;
	rc = file_write(to, 0600, data, n, e);
	return rc < 0 ? rc : 1;
}
