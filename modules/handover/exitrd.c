/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/handover/exitrd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/dm-ioctl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/handover/mountinfo.h"

#define EXITRD "/run/initramfs"
#define OLDROOT "/oldroot"

enum {
	PROGRAM_MAX_BYTES = 16 * 1024 * 1024,
	RELEASE_MAX_BYTES = 64 * 1024,
	MOUNTINFO_MAX_BYTES = 1024 * 1024,
	MAX_PASSES = 16, /* how deep mounts and devices may lie on each other */
};

int exitrd_make(struct err *e)
{
	int rc = make_dirs(EXITRD "/etc", 0755, e);

	if (rc >= 0)
		rc = file_copy("/etc/initrd-release", EXITRD "/etc/initrd-release", 0644, RELEASE_MAX_BYTES, e);
	if (rc >= 0)
		rc = file_copy("/proc/self/exe", EXITRD "/shutdown", 0755, PROGRAM_MAX_BYTES, e);
	if (rc < 0)
		unlink(EXITRD "/shutdown");
	return rc < 0 ? rc : 0;
}

bool exitrd_entered(const char *argv0)
{
	struct statx stx;

	return argv0 && strcmp(argv0, "/shutdown") == 0 &&
	       statx(AT_FDCWD, OLDROOT, AT_SYMLINK_NOFOLLOW, 0, &stx) == 0 &&
	       stx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static bool unmount(char *path, bool lazily)
{
	static const size_t n = sizeof(OLDROOT) - 1;

	mountinfo_unescape(path);
	if (strncmp(path, OLDROOT, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return false;
	if (umount2(path, UMOUNT_NOFOLLOW | (lazily ? MNT_DETACH : 0)) < 0) {
		if (lazily && errno != EINVAL && errno != ENOENT) /* gone with another one */
			log_warning("cannot unmount '%s', leaving it: %m", path);
		return false;
	}
	if (lazily)
		log_warning("'%s' is busy, and was taken out of sight", path);
	return true;
}

/* Returns whether anything was unmounted. */
static bool unmount_all(bool lazily)
{
	SCOPED(mem_free) char *table = NULL;
	char path[PATH_MAX], *line;
	bool any = false;
	struct err e;
	size_t n;

	if (file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX_BYTES, &table, &n, &e) < 0) {
		log_warning("%s: nothing is unmounted", e.what);
		return false;
	}
	/* The last ones first: they may lie on others. */
	do {
		line = strrchr(table, '\n');
		if (line)
			*line = '\0';
		if (sscanf(line ? line + 1 : table, "%*s %*s %*s %*s %4095s", path) == 1)
			any |= unmount(path, lazily);
	} while (line);
	return any;
}

/* Each returns 1 if the device was taken down, 0 if there is nothing to do, -1 and errno. */
static int detach_mapping(const char *device)
{
	SCOPED(fd_close) int control = -1;
	struct dm_ioctl dm = {
		.version = { DM_VERSION_MAJOR, 0, 0 },
		.data_size = sizeof(dm),
	};
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/block/%.24s/dm/name", device);
	if (file_read_text(path, dm.name, sizeof(dm.name)) <= 0)
		return 0;
	control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (control < 0 || ioctl(control, DM_DEV_REMOVE, &dm) < 0)
		return -1;
	log_info("detached '%s' ('%s')", dm.name, device);
	return 1;
}

static int detach_loop(const char *device)
{
	SCOPED(fd_close) int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/block/%.24s/loop/backing_file", device);
	if (access(path, F_OK) < 0)
		return 0;
	snprintf(path, sizeof(path), "/dev/%.24s", device);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, LOOP_CLR_FD, 0) < 0)
		return -1;
	log_info("detached '%s'", device);
	return 1;
}

/* Returns whether any device was taken down. */
static bool detach_some(bool last)
{
	SCOPED(dir_close) DIR *devices = opendir("/sys/class/block");
	const struct dirent *entry;
	bool any = false;

	while (devices && (entry = readdir(devices))) {
		const char *name = entry->d_name;
		int rc = strncmp(name, "dm-", 3) == 0  ? detach_mapping(name) :
			 strncmp(name, "loop", 4) == 0 ? detach_loop(name) :
							 0;

		if (rc < 0 && last)
			log_warning("cannot detach '%s', leaving it: %m", name);
		any |= rc > 0;
	}
	return any;
}

void exitrd_take_down(void)
{
	bool any = true;

	/* A device goes when nothing of it is mounted, a mount when no loop device has a file there. */
	for (int pass = 0; any && pass < MAX_PASSES; pass++) {
		any = unmount_all(false);
		any |= detach_some(false);
	}
	unmount_all(true);
	for (int pass = 0; pass < MAX_PASSES && detach_some(false); pass++)
		;
	detach_some(true);
}
