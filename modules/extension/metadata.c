/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/metadata.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/path.h"
#include "modules/extension/name.h"

#define PREFIX "extension-release."

enum {
	MAX_FILE_BYTES = 64 * 1024,
	MAX_FILES = 256, /* in the directory */
};

static int open_file(int dir_fd, const char *name)
{
	return openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static bool is_for_any_name(int fd)
{
	char value[8];
	ssize_t n = fgetxattr(fd, "user.extension-release.strict", value, sizeof(value));

	return n == 1 && value[0] == '0';
}

/* Looks at every file of the directory. Returns the one that will do, or -1 with *e. */
static int open_other(int dir_fd, const char *folder, const char *name, struct err *e)
{
	SCOPED(fd_close) int list_fd = path_open_beneath(dir_fd, ".", false), found = -1;
	SCOPED(dir_close) DIR *dir = list_fd < 0 ? NULL : fdopendir(list_fd);
	const struct dirent *d;
	int n = 0;

	if (!dir)
		return err_set(e, ERR_SYSTEM, errno, "list '/%s' of '%s'", folder, name);
	fd_take(&list_fd);
	while ((d = readdir(dir)) && n++ < MAX_FILES) {
		SCOPED(fd_close) int fd = -1;

		if (strncmp(d->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		fd = open_file(dir_fd, d->d_name);
		if (fd < 0 || (!is_for_any_name(fd) &&
			       !extension_release_fits(d->d_name + strlen(PREFIX), name)))
			continue;
		if (found >= 0)
			return err_set(e, ERR_EXTENSION_MALFORMED, 0,
				       "'/%s' of '%s' has several files that fit", folder, name);
		found = fd_take(&fd);
	}
	if (found < 0)
		return err_set(e, ERR_EXTENSION_MALFORMED, 0,
			       "it has no '/%s/" PREFIX "%s'", folder, name);
	return fd_take(&found);
}

static int open_release(int root_fd, const char *folder, const char *name, struct err *e)
{
	SCOPED(fd_close) int dir_fd = path_open_beneath(root_fd, folder, false);
	char file[sizeof(PREFIX) + EXTENSION_NAME_BYTES];
	int fd;

	if (dir_fd < 0)
		return err_set(e, ERR_EXTENSION_MALFORMED, errno, "open '/%s' of '%s'", folder,
			       name);
	snprintf(file, sizeof(file), PREFIX "%s", name);
	fd = open_file(dir_fd, file);
	if (fd < 0 && errno == ENOENT)
		return open_other(dir_fd, folder, name, e);
	if (fd < 0)
		return err_set(e, ERR_EXTENSION_MALFORMED, errno, "open '/%s/%s'", folder, file);
	return fd;
}

int metadata_read(int root_fd, const struct extension_class *class, const char *name,
		  struct release *ret, struct err *e)
{
	SCOPED(fd_close) int fd = open_release(root_fd, class->release_folder, name, e);
	SCOPED(mem_free) char *text = NULL;
	struct stat st;
	size_t n;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_set(e, ERR_SYSTEM, errno, "look at the release file of '%s'", name);
	if (!S_ISREG(st.st_mode) || st.st_size > MAX_FILE_BYTES)
		return err_set(e, ERR_EXTENSION_MALFORMED, 0,
			       "the release file of '%s' is no file of up to %d bytes", name,
			       MAX_FILE_BYTES);
	n = (size_t)st.st_size;
	text = malloc(n + 1);
	if (!text)
		return err_set(e, ERR_MEMORY, 0, "read the release file of '%s': no memory", name);
	if (pread_full(fd, text, n, 0, e) < 0)
		return err_in(e, "release file of '%s'", name);
	return release_parse(text, n, ret, e);
}
