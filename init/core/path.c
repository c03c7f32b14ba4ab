/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "init/core/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/stat.h>
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

static bool mount_of(int root, const char *path, uint64_t *ret)
{
	SCOPED(fd_close) int fd = path_open_inside(root, path, O_PATH);
	struct statx stx;

	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0 ||
	    !(stx.stx_mask & STATX_MNT_ID))
		return false;
	*ret = stx.stx_mnt_id;
	return true;
}

bool path_is_in_usr(int root, const char *path)
{
	uint64_t usr, other;

	return mount_of(root, "usr", &usr) && mount_of(root, path, &other) && usr == other;
}

int path_open_os_release(int root, bool usr_only)
{
	SCOPED(fd_close) int fd = usr_only ? -1 : path_open_inside(root, "etc/os-release", O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		fd = path_open_inside(root, "usr/lib/os-release", O_RDONLY | O_NONBLOCK);
	if (fd >= 0 && usr_only && !path_is_in_usr(root, "usr/lib/os-release"))
		return errno = EXDEV, -1;
	return fd_take(&fd);
}

int path_open_beneath(int dir_fd, const char *path, bool same_mount)
{
	return open_how(dir_fd, path, O_RDONLY | O_DIRECTORY,
			RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
				(same_mount ? RESOLVE_NO_XDEV : 0U));
}
