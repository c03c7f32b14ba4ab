/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/handover/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/path.h"

enum { MAX_DEPTH = 64 };

static int remove_entry(int parent, const char *name, unsigned depth);

/* Opens the directory by itself: reading one moves the position of its descriptor. */
static int empty(int parent, const char *name, unsigned depth)
{
	SCOPED(fd_close) int fd = path_open_beneath(parent, name, true);
	SCOPED(dir_close) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int rc = 0, first = 0;

	if (!dir)
		return -1;
	fd_take(&fd);
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (remove_entry(dirfd(dir), entry->d_name, depth) < 0 && rc == 0) {
			rc = -1;
			first = errno;
		}
	}
	errno = first;
	return rc;
}

static int remove_entry(int parent, const char *name, unsigned depth)
{
	/* Most are files: asking what it is would cost more than trying. */
	if (unlinkat(parent, name, 0) == 0)
		return 0;
	if (errno != EISDIR)
		return -1;
	if (depth == 0) {
		errno = ELOOP;
		return -1;
	}
	if (empty(parent, name, depth - 1) < 0)
		return -1;
	return unlinkat(parent, name, AT_REMOVEDIR);
}

int remove_content(int dir_fd)
{
	return empty(dir_fd, ".", MAX_DEPTH);
}
