/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* nftw */
#include "mkinitrd/scratch.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { OPEN_FOLDERS = 16 };

int scratch_make(struct scratch *ret, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	char path[SCRATCH_BYTES];
	int n = snprintf(path, sizeof(path), "%s/slipway-mkinitrd.XXXXXX", tmp && *tmp ? tmp : "/tmp");

	if (n >= (int)sizeof(path))
		return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "make a folder in '%.100s'", tmp);
	if (!mkdtemp(path))
		return err_set(e, ERR_SYSTEM, errno,
			       "make the folder '%s'; set TMPDIR to one that can be written", path);
	memcpy(ret->path, path, sizeof(path));
	return 0;
}

/* A folder that its owner cannot read or write came out of an image. */
static int open_up(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)where;
	if (type == FTW_D || type == FTW_DNR)
		chmod(path, 0700);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	remove(path);
	return 0;
}

void scratch_remove(struct scratch *s)
{
	if (!s->path[0])
		return;
	nftw(s->path, open_up, OPEN_FOLDERS, FTW_PHYS);
	nftw(s->path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
	s->path[0] = '\0';
}
