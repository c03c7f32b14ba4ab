/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/handover/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/handover/mountinfo.h"
#include "modules/handover/remove.h"

enum { MOUNTINFO_MAX_BYTES = 1024 * 1024 };

/* The kernel's interfaces and /run go along. */
static const char *const moved[] = { "/dev", "/proc", "/sys", "/run" };

static bool is_mount(const char *path)
{
	struct statx stx;

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, 0, &stx) == 0 &&
	       stx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool is_kept(const char *path, const char *sysroot)
{
	for (size_t i = 0; i < sizeof(moved) / sizeof(*moved); i++)
		if (is_below(path, moved[i]))
			return true;
	return is_below(path, sysroot) || strcmp(path, "/") == 0;
}

/* What stays mounted in the hidden tree keeps its device busy for ever. */
static int detach_others(const char *sysroot, struct err *e)
{
	SCOPED(mem_free) char *table = NULL;
	char *rest = NULL, path[PATH_MAX];
	size_t n;

	if (file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX_BYTES, &table, &n, e) < 0)
		return err_in(e, "switch root");
	for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "%*s %*s %*s %*s %4095s", path) != 1)
			continue;
		mountinfo_unescape(path);
		if (is_kept(path, sysroot))
			continue;
		/* Gone already if it was below another. */
		if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL &&
		    errno != ENOENT)
			log_warning("cannot unmount '%s', leaving it: %m", path);
	}
	return 0;
}

static int move_mounts(const char *sysroot, struct err *e)
{
	char target[PATH_MAX];

	for (size_t i = 0; i < sizeof(moved) / sizeof(*moved); i++) {
		int n = snprintf(target, sizeof(target), "%s%s", sysroot, moved[i]);

		if (n < 0 || (size_t)n >= sizeof(target))
			return err_set(e, ERR_SWITCH, ENAMETOOLONG, "mount point in '%s'", sysroot);
		/* The new root brought its own; ours must not stay behind, out of sight. */
		if (is_mount(target)) {
			umount2(moved[i], MNT_DETACH);
			continue;
		}
		if (mount(moved[i], target, NULL, MS_MOVE, NULL) < 0)
			return err_set(e, ERR_SWITCH, errno, "move '%s' to '%s'", moved[i], target);
	}
	return 0;
}

static int enter(const char *sysroot, struct err *e)
{
	if (chdir(sysroot) < 0)
		return err_set(e, ERR_SWITCH, errno, "enter the new root '%s'", sysroot);
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0)
		return err_set(e, ERR_SWITCH, errno, "move '%s' to '/'", sysroot);
	if (chroot(".") < 0 || chdir("/") < 0)
		return err_set(e, ERR_SWITCH, errno, "change into the new root");
	return 0;
}

/* Only what lies in memory is deleted: an initrd's tree, and nobody's disk. */
static bool is_in_memory(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

int handover_switch_root(const char *sysroot, struct err *e)
{
	SCOPED(fd_close) int old = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (old < 0)
		return err_set(e, ERR_SWITCH, errno, "open the initrd's tree");
	/* What a writable root was given must not depend on what becomes of the host. */
	sync();
	/* Shared mounts cannot be moved. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(e, ERR_SWITCH, errno, "make all mounts private");
	rc = detach_others(sysroot, e);
	if (rc == 0)
		rc = move_mounts(sysroot, e);
	if (rc == 0)
		rc = enter(sysroot, e);
	if (rc < 0)
		return rc;
	if (is_in_memory(old) && remove_content(old) < 0)
		log_warning("cannot delete all of the initrd's tree, its memory stays in use: %m");
	return 0;
}
