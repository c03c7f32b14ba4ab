/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* options.h - rootflags= as mount(2) takes it. Pure. Trust: input may be hostile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/err.h"

enum { ROOT_OPTIONS_BYTES = 1024 };

struct root_options {
	unsigned long flags;           /* MS_* */
	char data[ROOT_OPTIONS_BYTES]; /* what the file system understands */
};

/* Splits comma-separated words: generic ones become flags, those for user space ("x-*",
 * "X-*", "nofail", ...) are dropped, all others are the file system's. MS_RDONLY and MS_NODEV
 * are always set, but the first not if writable; words against them are ignored with a
 * warning. Words that would make the file system read something besides the proven volume
 * are refused. filesystem adds the option that keeps it from replaying a journal, unless
 * writable. text may be NULL.
 * Errors: ERR_CMDLINE. */
int root_options_parse(const char *filesystem, const char *text, bool writable,
		       struct root_options *ret, struct err *e);
