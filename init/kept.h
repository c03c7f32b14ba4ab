/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kept.h - what boots know of those before them that failed: slipway.conf(5), keep-failure= and
 * failure-limit=. It may be anybody's, and stops none that is good. */
#pragma once

#include "init/boot.h"

/* Whether a boot before this one failed, and how many in a row: into b, and the record. Also in a boot
 * that fails before it came to that. */
void kept_read(struct boot *b);

/* This failure, counted; a warning where it cannot be kept. */
void kept_write(const struct boot *b, const char *stage, const struct err *failure);

/* Once a boot is as good as can be told here: the next failure is the first one again. */
void kept_forget(const struct boot *b);
