/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* O_PATH */
#include "modules/root/below.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>

#include "init/core/cleanup.h"
#include "init/core/log.h"
#include "init/core/path.h"
#include "modules/root/options.h"

#define SYSROOT "/sysroot"

static int open_place(const char *where, struct err *e)
{
	SCOPED(fd_close) int root = open(SYSROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = root < 0 ? -1 : path_open_beneath(root, where + 1, false);

	return fd < 0 ? err_set(e, ERR_ROOT_FSTAB, errno, "open the directory '%s' of the new root", where) : fd;
}

int root_mount_below(const struct root_below *b, struct err *e)
{
	SCOPED(fd_close) int place = open_place(b->where, e);
	SCOPED(fd_close) int mounted = -1;
	struct root_options o;
	struct err why;
	char target[64];
	int rc;

	if (place < 0)
		return place;
	if (root_options_parse(b->filesystem, b->options, b->writable, &o, &why) < 0)
		return err_set(e, ERR_ROOT_FSTAB, 0,
			       "its options are too long, or name more than this file system");
	snprintf(target, sizeof(target), "/proc/self/fd/%d", place);
	if (mount(b->path, target, b->filesystem, o.flags, o.data) < 0)
		return err_set(e, ERR_ROOT_FSTAB, errno, "mount '%s' (%s)", b->path, b->filesystem);
	mounted = open_place(b->where, e);
	rc = mounted < 0 ? mounted : purpose_read(mounted, b->ret_purpose, e);
	if (rc < 0)
		root_unmount_below(b->where);
	return rc;
}

void root_unmount_below(const char *where)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), SYSROOT "%s", where);
	if (umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH) < 0)
		log_warning("cannot unmount '%s', leaving it: %m", path);
}
