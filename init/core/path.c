/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "init/core/path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "init/core/cleanup.h"

static int open_how(int dir_fd, const char *path, int flags, unsigned resolve)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.resolve = resolve | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
}

int path_open_inside(int root, const char *path, int flags)
{
	return open_how(root, path, flags, RESOLVE_IN_ROOT);
}

bool path_exists_inside(int root, const char *path)
{
	SCOPED(fd_close) int fd = path_open_inside(root, path, O_PATH);

	return fd >= 0;
}

int path_open_beneath(int dir_fd, const char *path, bool same_mount)
{
	return open_how(dir_fd, path, O_RDONLY | O_DIRECTORY,
			RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
				(same_mount ? RESOLVE_NO_XDEV : 0U));
}
