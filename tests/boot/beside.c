/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "beside.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

bool is_mounted(const char *path)
{
	struct stat root, place;

	return stat("/", &root) == 0 && stat(path, &place) == 0 && root.st_dev != place.st_dev;
}

int await_mount(const char *path)
{
	struct pollfd mounts = { .events = POLLPRI };

	if (!is_mounted(PROC) && (mkdir(PROC, 0700) < 0 || mount("proc", PROC, "proc", 0, NULL) < 0))
		return -1;
	mounts.fd = open(PROC "/self/mounts", O_RDONLY | O_CLOEXEC);
	if (mounts.fd < 0)
		return -1;
	while (!is_mounted(path))
		poll(&mounts, 1, -1);
	close(mounts.fd);
	return 0;
}

void say(const char *text)
{
	FILE *f = fopen("/dev/kmsg", "we");

	if (f) {
		fprintf(f, "%s\n", text);
		fclose(f);
	}
}

int main(int argc, char **argv)
{
	pid_t child = argc < 1 || before_init() < 0 ? -1 : fork();

	if (child < 0)
		return 1;
	if (child == 0)
		return beside_init();
	argv[0] = "/init";
	execv(argv[0], argv);
	return 1;
}
