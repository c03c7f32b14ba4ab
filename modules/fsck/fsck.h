/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fsck.h - checks a file system, before it is mounted to be written to, by a program of the initrd.
 * Spec: fsck(8). */
#pragma once

#include <stdbool.h>

#include "init/core/err.h"

struct fsck_request {
	const char *device;     /* that nobody has mounted: "/dev/mapper/root" */
	const char *filesystem; /* "ext4": the program is /usr/sbin/fsck.ext4 */
	bool force;             /* look also at what is marked as clean */
	char repair;            /* 'a': what is safe to, 'y': everything, 'n': nothing */
	unsigned timeout_s;
};

enum fsck_result {
	FSCK_NO_PROGRAM, /* the initrd has none for this file system: it was not looked at */
	FSCK_CLEAN,
	FSCK_REPAIRED,
};

/* Runs it to its end. What it says goes to the log. It is a static program, and reads what nothing
 * proves: so it has no privileges, no network, and sees nothing but itself and the device.
 * Errors: ERR_ROOT_FSCK for every end but "no errors" and "errors corrected", also at the deadline,
 * when it is told to end, and killed 5 seconds later; ERR_SYSTEM. */
int fsck_run(const struct fsck_request *q, enum fsck_result *ret, struct err *e);

/* What an exit status says: FSCK_CLEAN, FSCK_REPAIRED, or ERR_ROOT_FSCK. Pure. */
int fsck_judge(int exit_status, enum fsck_result *ret, struct err *e);
