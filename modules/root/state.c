/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/root/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/core/cleanup.h"

static int check_empty(int root, struct err *e)
{
	SCOPED(fd_close) int fd = openat(root, "usr", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	SCOPED(dir_close) DIR *usr = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!usr && (errno == ENOTDIR || errno == ELOOP))
		return err_set(e, ERR_ROOT_SHADOWED, 0, "its '/usr' is no directory");
	if (!usr)
		return err_set(e, ERR_SYSTEM, errno, "open its '/usr'");
	fd_take(&fd);
	errno = 0;
	while ((entry = readdir(usr)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return err_set(e, ERR_ROOT_SHADOWED, 0, "its '/usr' is not empty: '%.60s'",
				       entry->d_name);
	return errno ? err_set(e, ERR_SYSTEM, errno, "read its '/usr'") : 0;
}

static int prepare_usr(int root, bool writable, struct err *e)
{
	struct stat st;

	if (fstatat(root, "usr", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return check_empty(root, e);
	if (errno != ENOENT)
		return err_set(e, ERR_SYSTEM, errno, "look for its '/usr'");
	if (!writable)
		return err_set(e, ERR_SWITCH, 0,
			       "it has no '/usr' to mount at, and is mounted read-only: 'rw' lets it be made");
	if (mkdirat(root, "usr", 0755) < 0)
		return err_set(e, ERR_SWITCH, errno, "make its '/usr'");
	return 0;
}

/* Then all that is found there is proven, or where what is proven leads to. */
static bool leads_into_usr(const char *target)
{
	target += *target == '/';
	if (strncmp(target, "usr/", 4) != 0)
		return false;
	for (const char *at = target; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || !at[2]))
			return false;
	}
	return true;
}

static bool is_usrs(const char *name)
{
	return strcmp(name, "bin") == 0 || strcmp(name, "sbin") == 0 || strncmp(name, "lib", 3) == 0;
}

static int check_link(int root, const char *name, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(root, name, target, sizeof(target) - 1);

	if (n < 0 && errno != EINVAL)
		return err_set(e, ERR_SYSTEM, errno, "read its link '/%.60s'", name);
	target[n < 0 ? 0 : n] = '\0';
	if (!leads_into_usr(target))
		return err_set(e, ERR_ROOT_SHADOWED, 0, "its '/%.60s' is no link into /usr", name);
	return 0;
}

int root_state_check(int root, bool writable, struct err *e)
{
	SCOPED(fd_close) int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SCOPED(dir_close) DIR *top = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int rc = 0;

	if (!top)
		return err_set(e, ERR_SYSTEM, errno, "open it");
	fd_take(&fd);
	for (errno = 0; rc == 0 && (entry = readdir(top)); errno = 0)
		if (is_usrs(entry->d_name))
			rc = check_link(root, entry->d_name, e);
	if (rc < 0)
		return rc;
	if (errno)
		return err_set(e, ERR_SYSTEM, errno, "list it");
	return prepare_usr(root, writable, e);
}
