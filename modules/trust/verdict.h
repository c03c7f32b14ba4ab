/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* verdict.h - what an image policy said of each partition, and why. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"
#include "modules/trust/policy.h"

struct policy_verdict {
	enum policy_designator designator;
	unsigned found;         /* USE_* */
	uint64_t attributes;    /* of the GPT */
	const char *filesystem; /* not NULL: this was judged, and nothing else */
	bool refused;
};

struct policy_verdicts {
	size_t n;
	struct policy_verdict of[POLICY_N_DESIGNATORS];
};

/* As policy_check(); what it said is added to *all, but that something may be absent and is. */
int policy_judge(const struct policy *p, enum policy_designator d, unsigned found,
		 uint64_t attributes, const char *name, struct policy_verdicts *all, struct err *e);

/* As policy_check_filesystem(), for a policy that does not allow any. The name must outlive *all. */
int policy_judge_filesystem(const struct policy *p, enum policy_designator d,
			    const char *filesystem, struct policy_verdicts *all, struct err *e);

/* What was found, in the words of policies: "verity+signed". Attributes only if *p has a word
 * for them. Returns ret. */
char *verdict_found(const struct policy *p, const struct policy_verdict *v, char *ret, size_t max);

/* "explicit", "derived" or "default": the rule that says what is allowed. */
const char *verdict_rule(const struct policy *p, const struct policy_verdict *v);

/* "initrd" or "command line": whose rule that is. */
const char *verdict_source(const struct policy *p, const struct policy_verdict *v);
