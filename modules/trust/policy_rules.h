/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* policy_rules.h - for those who make one policy out of others: rules, and what follows from them. */
#pragma once

#include "modules/trust/policy.h"

/* Two bits for an attribute: both or none of them mean that either is fine. */
enum { MAY_BE_OFF = 1, MAY_BE_ON = 2 };

/* What holds for d: its own rule, or what the others imply; without uses that it cannot have. */
struct policy_rule policy_rule_for(const struct policy *p, int d);

/* Makes all of *p follow from its rules. Returns the first designator that could be nothing, or -1. */
int policy_derive(struct policy *p);
