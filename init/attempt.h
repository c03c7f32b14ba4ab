/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* attempt.h - what the same boot may try after a failure, if slipway.conf says so. */
#pragma once

#include "init/boot.h"

/* What the rule of this reason grants now, which is reported, recorded and, before a retry,
 * waited for; ATTEMPT_NONE if it grants nothing, or no more. The next slot is another root
 * partition: stage choose takes it as if those that failed were not there, so whatever the
 * first one had to prove, it has to prove. There is one only if a root was chosen before the
 * failure: what failed earlier must not be passed by. */
enum failure_attempt attempt(struct boot *b, const char *stage, bool chosen, const struct err *e);
