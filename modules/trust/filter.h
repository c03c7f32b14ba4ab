/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filter.h - image filters: which partitions are looked at, by their labels. Pure.
 * Spec: systemd.image-filter(7). */
#pragma once

#include <stdbool.h>

#include "init/core/err.h"
#include "modules/trust/policy.h"

enum { FILTER_MAX_BYTES = 1024 };

struct filter {
	/* "" and not given: everything matches. */
	bool given[POLICY_N_DESIGNATORS];
	const char *pattern[POLICY_N_DESIGNATORS]; /* into text */
	char text[FILTER_MAX_BYTES];
};

/* Parses "root=GLOB:home=GLOB"; "" filters nothing. *ret must stay where it is.
 * Errors: ERR_CMDLINE, with the offending rule. */
int filter_parse(const char *text, struct filter *ret, struct err *e);

/* Does a partition with this label exist? Hash and signature partitions without a rule of
 * their own go by that of their data. */
bool filter_matches(const struct filter *f, enum policy_designator d, const char *label);
