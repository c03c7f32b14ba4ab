/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"

/* Between asking for a free device and taking it, somebody else may take it. */
enum { MAX_TRIES = 16 };

static int attach_to(int number, int file_fd, bool partitions, struct loop *ret)
{
	SCOPED(fd_close) int fd = -1;
	struct loop_config config = {
		.fd = (unsigned)file_fd,
		.block_size = 512,
		.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR |
				 (partitions ? LO_FLAGS_PARTSCAN : 0U),
	};
	char path[40];

	snprintf(path, sizeof(path), "/dev/loop%d", number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &config) < 0)
		return -1;
	snprintf(ret->name, sizeof(ret->name), "loop%d", number);
	ret->fd = fd_take(&fd);
	return 0;
}

static int attach(int file_fd, bool partitions, struct loop *ret, struct err *e)
{
	SCOPED(fd_close) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (control < 0)
		return err_set(e, ERR_UNSUPPORTED, errno, "the kernel has no loop devices");
	for (int i = 0; i < MAX_TRIES; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);

		if (number >= 0 && attach_to(number, file_fd, partitions, ret) == 0)
			return 0;
		if (errno != EBUSY)
			break;
	}
	return err_set(e, ERR_SYSTEM, errno, "attach a loop device");
}

int loop_attach_path(const char *path, bool partitions, struct loop *ret, struct err *e)
{
	static const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	SCOPED(fd_close) int fd = open(path, flags);
	struct stat st;

	/* ELOOP: a link. */
	if (fd < 0)
		return err_set(e, errno == ELOOP ? ERR_EXTENSION_MALFORMED : ERR_SYSTEM, errno,
			       "open '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_set(e, ERR_SYSTEM, errno, "look at '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_EXTENSION_MALFORMED, 0, "'%s' is no regular file", path);
	return attach(fd, partitions, ret, e);
}

void loop_detach(struct loop *loop)
{
	fd_close(&loop->fd);
	*loop = (struct loop){ .fd = -1 };
}
