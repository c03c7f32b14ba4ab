/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/disk/device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"

int device_open(const char *name, dev_t *ret_dev, struct err *e)
{
	SCOPED(fd_close) int fd = -1;
	struct stat st;
	char path[64];

	if (strlen(name) + sizeof("/dev/") > sizeof(path))
		return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "open device '%s'", name);
	snprintf(path, sizeof(path), "/dev/%s", name);
	/* Names that contain '/' in /dev contain '!' in sysfs. */
	for (char *p = path; *p; p++)
		if (*p == '!')
			*p = '/';
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno_code(errno), errno, "open device '%s'", path);
	if (!S_ISBLK(st.st_mode))
		return err_set(e, ERR_SYSTEM, ENOTBLK, "open device '%s'", path);
	*ret_dev = st.st_rdev;
	return fd_take(&fd);
}
