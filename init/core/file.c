/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/core/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"

ssize_t read_upto(int fd, void *ret, size_t max)
{
	char *buf = ret;
	size_t n = 0;

	while (n < max) {
		ssize_t got = read(fd, buf + n, max - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

int file_read(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
	SCOPED(fd_close) int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	SCOPED(mem_free) char *buf = NULL;
	size_t room = 4096, n = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%s'", path);
	if (S_ISREG(st.st_mode) && st.st_size > 0)
		room = (size_t)st.st_size + 1 < max + 1 ? (size_t)st.st_size + 1 : max + 1;
	for (;;) {
		char *grown = realloc(buf, room + 1);
		ssize_t got;

		if (!grown)
			return err_set(e, ERR_MEMORY, 0, "read '%s': no memory for %zu bytes", path, room);
		buf = grown;
		got = read_upto(fd, buf + n, room - n);
		if (got < 0)
			return err_set(e, ERR_SYSTEM, errno, "read '%s'", path);
		n += (size_t)got;
		if (n > max)
			return err_set(e, ERR_SYSTEM, EFBIG, "'%s' has more than %zu bytes", path, max);
		if (n < room)
			break;
		room = room * 2 < max + 1 ? room * 2 : max + 1;
	}
	buf[n] = '\0';
	*ret = ptr_take(&buf);
	*ret_n = n;
	return 0;
}

ssize_t file_read_text(const char *path, char *ret, size_t max)
{
	SCOPED(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read_upto(fd, ret, max - 1);

	if (n < 0)
		return -1;
	while (n > 0 && isspace((unsigned char)ret[n - 1]))
		n--;
	ret[n] = '\0';
	return n;
}

int write_full(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t put = write(fd, at, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

static int write_to(int fd, const char *path, const void *p, size_t n, struct err *e)
{
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%s' for writing", path);
	if (write_full(fd, p, n) < 0)
		return err_set(e, ERR_SYSTEM, errno, "write '%s'", path);
	return 0;
}

int file_write(const char *path, mode_t mode, const void *p, size_t n, struct err *e)
{
	SCOPED(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);

	/* The mode counts as given, whatever the umask. */
	if (fd >= 0 && fchmod(fd, mode) < 0)
		return err_set(e, ERR_SYSTEM, errno, "set the mode of '%s'", path);
	return write_to(fd, path, p, n, e);
}

int file_write_existing(const char *path, const char *text, struct err *e)
{
	SCOPED(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);

	return write_to(fd, path, text, strlen(text), e);
}

enum err_code errno_code(int errnum)
{
	switch (errnum) {
	case EIO:
	case ENXIO:
	case ENODEV:
	case ENOENT:
		return ERR_DISK_FAILED;
	}
	return ERR_SYSTEM;
}

int pread_full(int fd, void *ret, size_t n, uint64_t offset, struct err *e)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, (char *)ret + done, n - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_set(e, got < 0 ? errno_code(errno) : ERR_SYSTEM,
				       got < 0 ? errno : EIO, "read %zu bytes at %llu", n, (unsigned long long)offset);
		done += (size_t)got;
	}
	return 0;
}

int make_dirs(const char *path, mode_t mode, struct err *e)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof(part))
		return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "make directory '%s'", path);
	memcpy(part, path, n + 1);
	for (char *slash = part + 1; slash; *slash++ = '/') {
		slash = strchr(slash, '/');
		if (slash)
			*slash = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return err_set(e, ERR_SYSTEM, errno, "make directory '%s'", part);
		if (!slash)
			break;
	}
	return 0;
}

int file_copy(const char *src, const char *dst, mode_t mode, size_t max, struct err *e)
{
	SCOPED(mem_free) char *buf = NULL;
	size_t n = 0;
	int rc = file_read(AT_FDCWD, src, max, &buf, &n, e);

	if (rc < 0)
		return e->errnum == ENOENT ? 0 : rc;
	rc = file_write(dst, mode, buf, n, e);
	return rc < 0 ? rc : 1;
}
