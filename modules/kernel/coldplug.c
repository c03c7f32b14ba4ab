/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* tdestroy */
#include "modules/kernel/coldplug.h"

#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "init/core/cleanup.h"

/* A modalias is one variable of a uevent: 2048 bytes hold any. */
enum { MODALIAS_BYTES = 2048 };

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

bool aliases_add(struct aliases *a, const char *alias)
{
	char *copy, **at;

	if (tfind(alias, &a->root, compare))
		return false;
	copy = strdup(alias);
	at = copy ? tsearch(copy, &a->root, compare) : NULL;
	if (!at)
		free(copy);
	return true;
}

void aliases_done(struct aliases *a)
{
	tdestroy(a->root, free);
	a->root = NULL;
}

static DIR *dir_open(int at, const char *path)
{
	SCOPED(fd_close) int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d)
		fd_take(&fd);
	return d;
}

/* The next entry that is not hidden. */
static const char *dir_next(DIR *d)
{
	struct dirent *entry;

	do
		entry = readdir(d);
	while (entry && entry->d_name[0] == '.');
	return entry ? entry->d_name : NULL;
}

/* One read returns the whole attribute; most devices have none. */
static bool read_modalias(int devices, const char *name, char ret[static MODALIAS_BYTES])
{
	char path[NAME_MAX + sizeof("/modalias")];
	SCOPED(fd_close) int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/modalias", name);
	fd = openat(devices, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, ret, MODALIAS_BYTES - 1);
	if (n <= 0)
		return false;
	ret[n] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return ret[0] != '\0';
}

void coldplug(const char *sys, struct aliases *seen, void (*each)(void *arg, const char *modalias),
	      void *arg)
{
	char path[PATH_MAX], modalias[MODALIAS_BYTES];
	SCOPED(dir_close) DIR *buses = NULL;
	const char *bus, *device;

	snprintf(path, sizeof(path), "%s/bus", sys);
	buses = dir_open(AT_FDCWD, path);
	while (buses && (bus = dir_next(buses))) {
		SCOPED(dir_close) DIR *devices = NULL;

		snprintf(path, sizeof(path), "%s/devices", bus);
		devices = dir_open(dirfd(buses), path);
		while (devices && (device = dir_next(devices)))
			if (read_modalias(dirfd(devices), device, modalias) &&
			    aliases_add(seen, modalias))
				each(arg, modalias);
	}
}
