/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/fsck/box.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/core/privileges.h"

#define NAMED(path) (FSCK_FOLDER path)

static int make_node(const char *path, mode_t mode, dev_t number)
{
	return mknod(path, mode, number) < 0 || chmod(path, mode & 0777) < 0 ? -1 :
	       chown(path, FSCK_USER, FSCK_USER);
}

static int make_view(const struct fsck_box *b)
{
	int fd;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("slipway-fsck", FSCK_FOLDER, "tmpfs", MS_NOSUID, "mode=0755,size=64k,nr_inodes=16") < 0)
		return -1;
	fd = open(NAMED(FSCK_IN_BOX), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (fd < 0 || close(fd) < 0)
		return -1;
	/* Only so do the other flags count. */
	if (mount(b->program, NAMED(FSCK_IN_BOX), NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, NAMED(FSCK_IN_BOX), NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
		return -1;
	return make_node(NAMED(FSCK_DEVICE_IN_BOX), S_IFBLK | 0600, b->device);
}

/* Whatever comes in on descriptor 0, nobody answers a question. */
void fsck_box_enter(const struct fsck_box *b)
{
	char *const none[] = { NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int32_t why;
	ssize_t n;

	if (make_view(b) == 0 && chdir(FSCK_FOLDER) == 0 && chroot(".") == 0 && dup2(null, 0) == 0 &&
	    dup2(b->messages, 1) == 1 && dup2(b->messages, 2) == 2 && privileges_drop(FSCK_USER, NO_CAPABILITY) == 0 &&
	    syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		execve(FSCK_IN_BOX, b->argv, none);
	why = errno;
	n = write(b->report, &why, sizeof(why));
	_exit(n == sizeof(why) ? 255 : 254);
}
