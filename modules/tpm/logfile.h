/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* logfile.h - the file of the userspace event log, marked while it is behind the
 * TPM.
 *
 * The sticky bit says that a PCR may have been extended without a record. It is
 * set before an extend and taken back after the record is on disk, so a crash
 * between leaves it. Found set, it stays: the log is known to be incomplete. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/err.h"

/* Starts as LOGFILE_CLOSED. */
struct logfile {
	int fd;
	bool was_incomplete;
};

#define LOGFILE_CLOSED { .fd = -1 }

/* Opens or makes the log, locks it against other writers, marks it. The lock
 * lasts until logfile_close(). Errors: ERR_SYSTEM. */
int logfile_begin(struct logfile *f, const char *path, struct err *e);

/* Appends the record and takes the mark back. Errors: ERR_SYSTEM; then the log has nothing
 * of the record, and the mark stays. */
int logfile_append(struct logfile *f, const void *record, size_t n, struct err *e);

void logfile_close(struct logfile *f);
