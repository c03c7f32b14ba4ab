/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* name_taken.c - makes a device 'root' of device mapper before there is an init, of the driver that is
 * /dm-mod.ko: one that fails every read. */
#define _GNU_SOURCE /* syscall */
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "beside.h"

#define DEV "/taken.dev"

static int load_driver(void)
{
	int fd = open("/dm-mod.ko", O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : (int)syscall(SYS_finit_module, fd, "", 0);

	close(fd);
	return rc;
}

struct request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char end[8]; /* the table's words: none */
};

static int ask(int control, unsigned long what, unsigned n_targets)
{
	struct request r = { .head = { .version = { 4, 0, 0 }, .data_size = sizeof(r),
				       .data_start = sizeof(r.head), .target_count = n_targets, .name = "root" },
			     .target = { .length = 8, .target_type = "error" } };

	return ioctl(control, what, &r);
}

int before_init(void)
{
	int control, rc;

	if (load_driver() < 0 || mkdir(DEV, 0700) < 0 || mount("devtmpfs", DEV, "devtmpfs", 0, NULL) < 0)
		return -1;
	control = open(DEV "/mapper/control", O_RDWR | O_CLOEXEC);
	rc = ask(control, DM_DEV_CREATE, 0) < 0 || ask(control, DM_TABLE_LOAD, 1) < 0 ||
	     ask(control, DM_DEV_SUSPEND, 0) < 0 ? -1 : 0; /* without the flag it resumes */
	close(control);
	return umount(DEV) < 0 ? -1 : rc;
}

int beside_init(void)
{
	return 0;
}
