/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hooks/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/path.h"

static int refuse(const char *path, int errnum, const char *why, struct err *e)
{
	return err_set(e, ERR_HOOK_FAILED, errnum, "its output '%s' %s", path, why);
}

static int write_new(const char *path, const char *data, size_t n, mode_t mode, struct err *e)
{
	static const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	SCOPED(fd_close) int fd = -1;
	char folder[DECLARATION_PATH_BYTES];
	int rc;

	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	rc = make_dirs(folder, 0755, e);
	if (rc < 0)
		return rc;
	fd = open(path, flags, 0600);
	if (fd < 0)
		return refuse(path, errno, "cannot be made", e);
	if (write_full(fd, data, n) == 0 && fchmod(fd, mode & 0755) == 0)
		return 0;
	unlink(path);
	return refuse(path, ENOSPC, "cannot be written", e);
}

/* Returns 1, or 0 if the hook left none. */
static int take(int run, const char *path, struct err *e)
{
	SCOPED(fd_close) int fd = path_open_inside(run, path + strlen("/run"), O_RDONLY | O_NONBLOCK);
	SCOPED(mem_free) char *data = NULL;
	struct stat st;
	ssize_t n;
	int rc;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > OUTPUT_MAX_BYTES)
		return refuse(path, 0, "is no file of at most 1 MiB", e);
	data = malloc(OUTPUT_MAX_BYTES);
	if (!data)
		return err_set(e, ERR_MEMORY, 0, "no memory for '%s'", path);
	n = read_upto(fd, data, OUTPUT_MAX_BYTES);
	if (n < 0)
		return refuse(path, errno, "cannot be read", e);
	rc = write_new(path, data, (size_t)n, st.st_mode, e);
	return rc < 0 ? rc : 1;
}

int output_take(const char *box, const struct declaration *d, bool taken[static DECLARATION_MAX_LIST],
		struct err *e)
{
	char path[64];
	SCOPED(fd_close) int run = -1;
	int rc = 0;

	if (!d->n_outputs)
		return 0;
	snprintf(path, sizeof(path), "%s/run", box);
	run = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < d->n_outputs && rc >= 0; i++) {
		rc = take(run, d->outputs[i], e);
		taken[i] = rc > 0;
	}
	for (size_t i = 0; i < d->n_outputs && rc < 0; i++) {
		if (taken[i])
			unlink(d->outputs[i]);
		taken[i] = false;
	}
	return rc < 0 ? rc : 0;
}

int outputs_note(struct outputs *o, enum hook_point point, const struct declaration *d,
		 const bool taken[static DECLARATION_MAX_LIST], struct err *e)
{
	for (size_t i = 0; i < d->n_outputs; i++) {
		struct output *grown = taken[i] ? realloc(o->at, (o->n + 1) * sizeof(*grown)) : NULL;

		if (!taken[i])
			continue;
		if (!grown)
			return err_set(e, ERR_MEMORY, 0, "no memory for '%s'", d->outputs[i]);
		o->at = grown;
		o->at[o->n].point = point;
		strcpy(o->at[o->n++].path, d->outputs[i]);
	}
	return 0;
}

void outputs_undo(struct outputs *o, enum hook_point point)
{
	size_t kept = 0;

	for (size_t i = 0; i < o->n; i++)
		if (o->at[i].point == point)
			unlink(o->at[i].path);
		else
			o->at[kept++] = o->at[i];
	o->n = kept;
}
