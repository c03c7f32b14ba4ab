/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/trust/verdict.h"

#include <stdio.h>

static void add(struct policy_verdicts *all, struct policy_verdict v)
{
	if (all->n < POLICY_N_DESIGNATORS)
		all->of[all->n++] = v;
}

int policy_judge(const struct policy *p, enum policy_designator d, unsigned found,
		 uint64_t attributes, const char *name, struct policy_verdicts *all, struct err *e)
{
	int rc = policy_check(p, d, found, attributes, name, e);

	if (rc < 0 || found != USE_ABSENT)
		add(all, (struct policy_verdict){ .designator = d, .found = found,
						  .attributes = attributes, .refused = rc < 0 });
	return rc;
}

int policy_judge_filesystem(const struct policy *p, enum policy_designator d,
			    const char *filesystem, struct policy_verdicts *all, struct err *e)
{
	int rc = policy_check_filesystem(p, d, filesystem, e);

	if (p->filesystems[d])
		add(all, (struct policy_verdict){ .designator = d, .filesystem = filesystem,
						  .refused = rc < 0 });
	return rc;
}

char *verdict_found(const struct policy *p, const struct policy_verdict *v, char *ret, size_t max)
{
	bool there = v->found & ~(unsigned)USE_IGNORE;
	int read_only = there && p->read_only[v->designator] >= 0 ?
				(v->attributes & POLICY_READ_ONLY) != 0 : -1;
	int growfs = there && p->growfs[v->designator] >= 0 ?
			     (v->attributes & POLICY_GROWFS) != 0 : -1;

	if (!v->filesystem)
		return policy_state(v->found, read_only, growfs, ret, max);
	snprintf(ret, max, "%s", v->filesystem);
	return ret;
}

const char *verdict_rule(const struct policy *p, const struct policy_verdict *v)
{
	static const char *const names[] = {
		[RULE_DEFAULT] = "default",
		[RULE_DERIVED] = "derived",
		[RULE_EXPLICIT] = "explicit",
	};

	return names[v->filesystem ? p->type_rule[v->designator] : p->rule[v->designator]];
}

const char *verdict_source(const struct policy *p, const struct policy_verdict *v)
{
	const bool *is_floors = v->filesystem ? p->types_are_floors : p->is_floors;

	return is_floors[v->designator] ? "initrd" : "command line";
}
