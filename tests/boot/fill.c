/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fill.c - leaves no room in init's /run until the root is mounted; for ever, where FOR_EVER is
 * defined. */
#define _GNU_SOURCE /* O_TMPFILE */
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "beside.h"

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

int before_init(void)
{
	return 0;
}

int beside_init(void)
{
	if (await_mount("/run") < 0)
		return 1;
	say(fill() < 0 ? "fill: /run is not full" : "fill: /run is full");
#ifdef FOR_EVER
	pause();
#endif
	if (await_mount("/sysroot") < 0)
		return 1;
	return resize("size=20%") < 0; /* and the file goes away with this process */
}
