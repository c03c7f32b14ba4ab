/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* privileges.h - what a program that init starts must not have. */
#pragma once

#include <sys/types.h>

enum { NO_CAPABILITY = -1 };

/* For a clone of init that is to execute something, of the calling thread alone, and without taking a
 * lock or memory: it becomes this user and group, in no other group, can gain nothing by what it
 * executes, and has no capability but `kept` (CAP_...), or NO_CAPABILITY. Returns 0, or -1 and errno.
 * Spec: capabilities(7). */
int privileges_drop(uid_t user, int kept);
