/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the initrd allows at most, and what remains of a policy under it. */
#include "modules/trust/policy.h"

#include <string.h>

#include "modules/trust/policy_rules.h"

#define N_OF(a) (sizeof(a) / sizeof(*(a)))

/* Where certificates are built in, a root hash alone is not enough: words can be added
 * to the command line, certificates cannot. What the host may do with partitions that
 * we do not use is left to it: it reads systemd.image_policy= too. */
const char *policy_floor_text(const char *configured, enum policy_designator d, bool has_certificates)
{
	if (*configured)
		return configured;
	if (d == POLICY_USR)
		return has_certificates ? "usr=signed:=open" : "usr=verity+signed:=open";
	return has_certificates ? "root=signed:=open" : "root=verity+signed:=open";
}

/* A system in /usr has the rules of the root, but for its own. */
static void lend_to_usr(struct policy_rule rules[static POLICY_N_DESIGNATORS + 1])
{
	static const enum policy_designator pairs[][2] = {
		{ POLICY_ROOT, POLICY_USR },
		{ POLICY_ROOT_VERITY, POLICY_USR_VERITY },
		{ POLICY_ROOT_VERITY_SIG, POLICY_USR_VERITY_SIG },
	};

	if (rules[POLICY_USR].given || !rules[POLICY_ROOT].given)
		return;
	for (size_t i = 0; i < N_OF(pairs); i++) {
		struct policy_rule *to = &rules[pairs[i][1]];

		if (to->given || !rules[pairs[i][0]].given)
			continue;
		*to = rules[pairs[i][0]];
		to->where = RULE_DERIVED;
	}
}

/* Both bits and none of them mean the same. False if nothing remains. */
static bool narrow_attribute(uint8_t *a, uint8_t by)
{
	enum { EITHER = MAY_BE_OFF | MAY_BE_ON };

	*a = (*a ? *a : EITHER) & (by ? by : EITHER);
	return *a != 0;
}

static bool narrow_filesystems(uint16_t *a, uint16_t by)
{
	if (!by)
		return true;
	*a = *a ? *a & by : by;
	return *a != 0;
}

/* Leaves in *r what both rules allow, of the partition of this name. */
static int narrow_rule(struct policy_rule *r, const struct policy_rule *by, const char *name, struct err *e)
{
	char asked[96], allowed[96];
	uint16_t use = r->use & by->use;

	if (!use)
		return err_set(e, ERR_POLICY_REFUSED, 0,
			       "image policy asks for '%s' as '%s', this initrd allows '%s'",
			       policy_uses(r->use, asked, sizeof(asked)), name,
			       policy_uses(by->use, allowed, sizeof(allowed)));
	if (!narrow_filesystems(&r->filesystems, by->filesystems) ||
	    !narrow_attribute(&r->read_only, by->read_only) || !narrow_attribute(&r->growfs, by->growfs))
		return err_set(e, ERR_POLICY_REFUSED, 0,
			       "the image policy contradicts this initrd's own for '%s'", name);
	r->use = use;
	return 0;
}

int policy_floor(const char *configured, enum policy_designator d, bool has_certificates, bool beside,
		 struct policy *ret, struct err *e)
{
	struct policy floor, least;
	struct policy_rule *own = &floor.rules[d], *root = &floor.rules[POLICY_ROOT];
	int rc = policy_parse(policy_floor_text(configured, d, has_certificates), &floor, e);

	if (rc == 0)
		rc = policy_parse(policy_floor_text("", d, has_certificates), &least, e);
	if (rc < 0)
		return err_in(e, "the floor of slipway.conf");
	if (d == POLICY_USR)
		lend_to_usr(floor.rules);
	if (!own->given) {
		*own = policy_rule_for(&floor, (int)d);
		own->given = true;
		rc = narrow_rule(own, &least.rules[d], policy_designator_name(d), e);
		if (rc < 0)
			return err_in(e, "image-policy= of slipway.conf has no rule for '%s'", policy_designator_name(d));
	}
	if (beside && !root->given) {
		*root = policy_rule_for(&floor, POLICY_ROOT);
		root->given = true;
		root->use &= USE_VERITY | USE_SIGNED | USE_IGNORE;
		if (!root->use)
			root->use = USE_IGNORE;
	}
	policy_derive(&floor);
	*ret = floor;
	return 0;
}

/* The command line may have narrowed one of them and left the other. */
static void tell_whose(struct policy *n, const struct policy *asked, const struct policy *floor, int d)
{
	n->is_floors[d] = n->use[d] == floor->use[d] && n->read_only[d] == floor->read_only[d] &&
			  n->growfs[d] == floor->growfs[d];
	n->rule[d] = n->is_floors[d] ? floor->rule[d] : asked->rule[d];
	n->types_are_floors[d] = n->filesystems[d] == floor->filesystems[d];
	n->type_rule[d] = n->types_are_floors[d] ? floor->type_rule[d] : asked->type_rule[d];
}

int policy_narrow(struct policy *p, const struct policy *floor, struct err *e)
{
	struct policy n = *p;
	int rc = narrow_rule(&n.rules[POLICY_N_DESIGNATORS], &floor->rules[POLICY_N_DESIGNATORS],
			     "any that is not listed", e);

	for (int d = 0; d < POLICY_N_DESIGNATORS && rc == 0; d++) {
		const struct policy_rule by = policy_rule_for(floor, d);

		/* What neither lists follows from the rest once that is narrowed. */
		if (!p->rules[d].given && !floor->rules[d].given)
			continue;
		n.rules[d] = policy_rule_for(p, d);
		n.rules[d].given = true;
		rc = narrow_rule(&n.rules[d], &by, policy_designator_name(d), e);
	}
	if (rc < 0)
		return rc;
	policy_derive(&n);
	for (int d = 0; d < POLICY_N_DESIGNATORS; d++)
		tell_whose(&n, p, floor, d);
	*p = n;
	return 0;
}

bool policy_is_weak(const struct policy *asked, const struct policy *floor,
		    enum policy_designator d)
{
	unsigned demanded = floor->use[d] & ~(unsigned)USE_IGNORE;

	return demanded == USE_SIGNED &&
	       (asked->use[d] & ~(unsigned)(USE_SIGNED | USE_IGNORE)) != 0;
}
