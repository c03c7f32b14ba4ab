/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fill.c - PID 1 before init: leaves a process that leaves no room in init's /run, until the
 * root is mounted; or for ever, where FOR_EVER is defined. */
#define _GNU_SOURCE /* O_TMPFILE */
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROC "/fill.proc" /* for init there is none yet */

static bool is_mounted(const char *path)
{
	struct stat root, place;

	return stat("/", &root) == 0 && stat(path, &place) == 0 && root.st_dev != place.st_dev;
}

static int open_mounts(void)
{
	int fd;

	if (mkdir(PROC, 0700) < 0 || mount("proc", PROC, "proc", 0, NULL) < 0)
		return -1;
	fd = open(PROC "/self/mounts", O_RDONLY | O_CLOEXEC);
	if (umount2(PROC, MNT_DETACH) < 0)
		return -1;
	return fd;
}

/* "." stays what it was when init moves it. */
static int resize(const char *size)
{
	return mount(NULL, ".", NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV, size);
}

/* What is there already keeps its room. */
static int fill(void)
{
	static const char page[4096];
	int fd = chdir("/run") < 0 ? -1 : open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 || resize("size=64k") < 0)
		return -1;
	while (write(fd, page, sizeof(page)) > 0)
		;
	return 0;
}

/* init has mounted /dev as well by now. */
static void say(const char *text)
{
	FILE *f = fopen("/dev/kmsg", "we");

	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

static int stay(void)
{
	struct pollfd mounts = { .fd = open_mounts(), .events = POLLPRI };

	if (mounts.fd < 0)
		return 1;
	while (!is_mounted("/run"))
		poll(&mounts, 1, -1);
	say(fill() < 0 ? "fill: /run is not full: %m" : "fill: /run is full");
#ifdef FOR_EVER
	pause();
#endif
	while (!is_mounted("/sysroot"))
		poll(&mounts, 1, -1);
	return resize("size=20%") < 0; /* and the file goes away with this process */
}

int main(int argc, char **argv)
{
	pid_t child = fork();

	if (argc < 1 || child < 0)
		return 1;
	if (child == 0)
		return stay();
	argv[0] = "/init";
	execv(argv[0], argv);
	return 1;
}
