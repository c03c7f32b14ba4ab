/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* nftw */
#include "mkinitrd/scratch.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { OPEN_FOLDERS = 16, PLENTY_BYTES = 1 << 30 };

/* In memory if it is there in plenty: on a disk, half of a build's time would go into the
 * journal for files that are gone at its end. */
static const char *temporary_folder(void)
{
	static const char memory[] = "/dev/shm";
	const char *tmp = getenv("TMPDIR");
	struct statvfs st;

	if (tmp && *tmp)
		return tmp;
	if (access(memory, W_OK) == 0 && statvfs(memory, &st) == 0 &&
	    st.f_bavail >= PLENTY_BYTES / st.f_frsize)
		return memory;
	return "/tmp";
}

int scratch_make(struct scratch *ret, struct err *e)
{
	const char *tmp = temporary_folder();
	char path[SCRATCH_BYTES];
	int n = snprintf(path, sizeof(path), "%s/slipway-mkinitrd.XXXXXX", tmp);

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
