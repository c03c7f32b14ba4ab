/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lockdown.h - how much the kernel denies even root. Spec: kernel_lockdown(7). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/err.h"

/* In rising order. */
enum lockdown { LOCKDOWN_NONE, LOCKDOWN_INTEGRITY, LOCKDOWN_CONFIDENTIALITY };

/* "integrity" or "confidentiality" or "none"; false for anything else. Pure. */
bool lockdown_parse(const char *word, enum lockdown *ret);
const char *lockdown_name(enum lockdown l);

/* The level in brackets in the text of the kernel's file: "none [integrity] confidentiality".
 * False if there is none. Pure. */
bool lockdown_parse_state(const char *text, enum lockdown *ret);

/* Mounts securityfs, if nobody has, and leaves it to the host, which would do the same. A kernel
 * without lockdown has LOCKDOWN_NONE. Errors: ERR_SYSTEM. */
int lockdown_read(enum lockdown *ret, struct err *e);
