/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fail.h - the one way that a failed boot goes. No shell but that of a debug image: debug.h. */
#pragma once

#include "init/boot.h"

/* Prints the failure block: before anything is undone, which may take its time. next says what
 * happens next, NULL: the end of the boot. A screen of 80 columns and 25 lines takes it. */
void fail_report(const struct boot *b, const char *stage, const struct err *e, const char *next);

/* As long as slipway.conf or the command line wants a failure to stay readable. */
void fail_wait(const struct boot *b);

/* Caps PCR 11 so that nothing sealed to a phase of this image can be unsealed any more: before
 * anything else runs. b->capped says whether it is, or there is no TPM. */
void fail_cap(struct boot *b);

/* Writes the record, lets a debug image ask for its key, waits so that a person can read, then
 * reboots, powers off or halts. Does not return. */
_Noreturn void fail(struct boot *b, const char *stage, const struct err *e);
