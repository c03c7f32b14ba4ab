/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* failure.h - what follows which reason. Spec: slipway.conf(5), failure. Pure. */
#pragma once

#include <stdbool.h>

#include "init/core/err.h"

/* How a failed boot ends. */
enum failure_action { FAILURE_UNSET, FAILURE_REBOOT, FAILURE_POWEROFF, FAILURE_HALT };

/* What the same boot tries before. */
enum failure_attempt { ATTEMPT_NONE, ATTEMPT_RETRY, ATTEMPT_NEXT_SLOT };

struct failure_rule {
	enum failure_attempt attempt;
	enum failure_action action; /* FAILURE_UNSET: what all others do */
};

/* Zeroed, no reason has a rule of its own. */
struct failure_rules {
	struct failure_rule by_code[ERR_N_CODES];
};

/* How many boots in a row may fail before a reset no longer follows: without an end, a machine whose
 * entries are all bad starts for ever. */
struct failure_limit {
	unsigned n; /* 0: any number */
	enum failure_action action; /* then: FAILURE_POWEROFF or FAILURE_HALT */
};

enum { FAILURE_LIMIT_MAX = 100 };

/* Three entries, each tried three times as is usual, have had their chance by then. */
#define FAILURE_LIMIT_DEFAULT { .n = 10, .action = FAILURE_HALT }

/* "reboot", "poweroff" or "halt"; false for anything else. */
bool failure_action_parse(const char *text, enum failure_action *ret);

/* For one reason ("TPM_MISSING") or a class of them ("tpm", see err.def): an attempt ("retry",
 * "next-slot"), an action, or both, divided by one blank. False, and nothing changed, for
 * anything else. */
bool failure_rules_set(struct failure_rules *rules, const char *reason, const char *value);

/* "no", or a number up to FAILURE_LIMIT_MAX, perhaps one blank and "poweroff" or "halt". False, and
 * nothing changed, for anything else. */
bool failure_limit_parse(const char *text, struct failure_limit *ret);

/* What a boot does that failed after n_before others in a row, and how many it makes them for the next
 * one: no more than the limit needs. */
enum failure_action failure_limited(const struct failure_limit *limit, enum failure_action ruled,
				    unsigned n_before);
unsigned failure_count(const struct failure_limit *limit, unsigned n_before);

/* "tpm": the class that a code is in; "" for ERR_NONE. */
const char *failure_class(enum err_code code);
