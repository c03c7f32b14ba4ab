/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* late_tpm.c - takes the TPM's device node away, and makes it anew, with its event, when init says
 * that it waits. (To take away the driver does not do: the kernel counts the next one as another.) */
#include <fcntl.h>
#include <string.h>
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
			return give_back() < 0;
	}
	return 1;
}
