/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* late_tpm.c - takes the TPM's device node away, and makes it anew, with its event, when init says
 * that it waits. (To take away the driver does not do: the kernel counts the next one as another.)
 * If there is a file /shrink, the second partition of vda, which nobody has read yet, is a sector
 * shorter for the kernel before that. */
#include <fcntl.h>
#include <linux/blkpg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beside.h"

#define DEV "/beside.dev" /* the same as init's /dev will be */
#define SYS "/beside.sys"
#define NODE DEV "/tpmrm0"

static struct stat node;

int before_init(void)
{
	if (mkdir(DEV, 0700) < 0 || mount("devtmpfs", DEV, "devtmpfs", 0, NULL) < 0)
		return -1;
	if (mkdir(SYS, 0700) < 0 || mount("sysfs", SYS, "sysfs", 0, NULL) < 0)
		return -1;
	return stat(NODE, &node) < 0 ? -1 : unlink(NODE);
}

static long long read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	long long n = -1;

	if (f && fscanf(f, "%lld", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

static int shrink(void)
{
	struct blkpg_partition p = {
		.pno = 2,
		.start = read_number(SYS "/class/block/vda2/start") * 512,
		.length = (read_number(SYS "/class/block/vda2/size") - 1) * 512,
	};
	struct blkpg_ioctl_arg arg = { .op = BLKPG_RESIZE_PARTITION, .datalen = sizeof(p), .data = &p };
	int fd = open("/dev/vda", O_RDONLY | O_CLOEXEC);

	return fd < 0 || ioctl(fd, BLKPG, &arg) < 0 ? -1 : close(fd);
}

static int give_back(void)
{
	int fd = mknod(NODE, node.st_mode, node.st_rdev) < 0 ?
			 -1 : open(SYS "/class/tpmrm/tpmrm0/uevent", O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, "add", 3) < 0 ? -1 : close(fd);
}

int beside_init(void)
{
	char line[4096];
	int fd = await_mount("/run") < 0 ? -1 : open("/dev/kmsg", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	while (fd >= 0 && (n = read(fd, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		if (strstr(line, "waiting for") && strstr(line, "/dev/tpmrm0"))
			return (access("/shrink", F_OK) == 0 && shrink() < 0) || give_back() < 0;
	}
	return 1;
}
