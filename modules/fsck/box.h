/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* box.h - what the program sees: an empty file system with itself, and the device. */
#pragma once

#include <sys/types.h>

#define FSCK_FOLDER "/run/slipway/fsck"
#define FSCK_IN_BOX "/fsck"
#define FSCK_DEVICE_IN_BOX "/device"

enum { FSCK_USER = 65534 };

struct fsck_box {
	const char *program;
	dev_t device;
	char *const *argv;
	int messages, report; /* where it writes; errno, if it does not come to be executed */
};

/* In a clone of init with namespaces of its own: nothing here takes a lock or memory. */
_Noreturn void fsck_box_enter(const struct fsck_box *b);
