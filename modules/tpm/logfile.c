/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"

int logfile_begin(struct logfile *f, const char *path, struct err *e)
{
	const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
	SCOPED(fd_close) int fd = open(path, flags, 0600);
	struct stat st;

	if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &st) < 0)
		return err_set(e, ERR_SYSTEM, errno, "open and lock '%s'", path);
	f->was_incomplete = st.st_mode & S_ISVTX;
	if (!f->was_incomplete && fchmod(fd, 0600 | S_ISVTX) < 0)
		return err_set(e, ERR_SYSTEM, errno, "mark '%s'", path);
	f->fd = fd_take(&fd);
	return 0;
}

int logfile_append(struct logfile *f, const void *record, size_t n, struct err *e)
{
	off_t end = lseek(f->fd, 0, SEEK_END);

	if (end < 0 || write_full(f->fd, record, n) < 0 || fsync(f->fd) < 0) {
		int why = errno;

		/* No reader gets past half a record. */
		if (end >= 0 && ftruncate(f->fd, end) < 0)
			log_debug("the event log ends with a part of a record: %s", strerror(errno));
		return err_set(e, ERR_SYSTEM, why, "append to the event log");
	}
	if (!f->was_incomplete && fchmod(f->fd, 0600) < 0)
		return err_set(e, ERR_SYSTEM, errno, "take back the mark on the event log");
	return 0;
}

void logfile_close(struct logfile *f)
{
	fd_close(&f->fd);
	f->fd = -1;
}
