/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hook.h - vendors' programs, as hooks/ describes them. */
#pragma once

#include "init/core/err.h"

/* Judges POINT:FILE. This version's init runs no hooks, so that even a good one is
 * refused, after what is wrong with it by itself. Errors: ERR_CONFIG, ERR_SYSTEM. */
int hook_check(const char *word, struct err *e);
