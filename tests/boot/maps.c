/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* maps.c - says which pieces of their files init has in memory, and this program itself, whose loader did
 * nothing about RELRO either. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "beside.h"

int before_init(void)
{
	return 0;
}

/* In one line, as the kernel drops the rest of many. */
static int say_maps(const char *who, const char *path)
{
	char line[512], text[900];
	size_t used = (size_t)snprintf(text, sizeof(text), "maps of %s:", who);
	FILE *f = fopen(path, "re");
	char range[64], mode[8];
	unsigned long inode;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f) && used < sizeof(text))
		if (sscanf(line, "%63s %7s %*s %*s %lu", range, mode, &inode) == 3 && inode)
			used += (size_t)snprintf(text + used, sizeof(text) - used, " %s=%s", range, mode);
	fclose(f);
	say(text);
	return 0;
}

int beside_init(void)
{
	char line[4096];
	int fd = await_mount("/run") < 0 ? -1 : open("/dev/kmsg", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	while (fd >= 0 && (n = read(fd, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		if (strstr(line, "slipway[1]: early: slipway "))
			return say_maps("init", PROC "/1/maps") < 0 || say_maps("maps", PROC "/self/maps") < 0;
	}
	return 1;
}
