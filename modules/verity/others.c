/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/verity/others.h"

#include <string.h>

/* Not to be told apart without reading them. */
enum { USE_ANY_CONTENT = USE_UNPROTECTED | USE_ENCRYPTED | USE_ENCRYPTED_INTEGRITY };

enum policy_designator verity_policy(enum designator d)
{
	return d == DPS_ROOT ? POLICY_ROOT : POLICY_USR;
}

static const struct kind {
	enum policy_designator policy;
	const char *name;
	bool is_native; /* the type is that of the architecture, by the next two */
	enum designator designator;
	enum role role;
	unsigned use;   /* if it is there */
} kinds[] = {
	{ POLICY_ROOT, "root", true, DPS_ROOT, DPS_DATA, USE_ANY_CONTENT },
	{ POLICY_ROOT_VERITY, "root-verity", true, DPS_ROOT, DPS_HASH, USE_UNPROTECTED },
	{ POLICY_ROOT_VERITY_SIG, "root-verity-sig", true, DPS_ROOT, DPS_SIGNATURE, USE_UNPROTECTED },
	{ POLICY_USR, "usr", true, DPS_USR, DPS_DATA, USE_ANY_CONTENT },
	{ POLICY_USR_VERITY, "usr-verity", true, DPS_USR, DPS_HASH, USE_UNPROTECTED },
	{ POLICY_USR_VERITY_SIG, "usr-verity-sig", true, DPS_USR, DPS_SIGNATURE, USE_UNPROTECTED },
	{ .policy = POLICY_ESP, .name = "esp", .use = USE_UNPROTECTED },
	{ .policy = POLICY_XBOOTLDR, .name = "xbootldr", .use = USE_UNPROTECTED },
	{ .policy = POLICY_HOME, .name = "home", .use = USE_ANY_CONTENT },
	{ .policy = POLICY_SRV, .name = "srv", .use = USE_ANY_CONTENT },
	{ .policy = POLICY_SWAP, .name = "swap", .use = USE_ANY_CONTENT },
	{ .policy = POLICY_TMP, .name = "tmp", .use = USE_ANY_CONTENT },
	{ .policy = POLICY_VAR, .name = "var", .use = USE_ANY_CONTENT },
};

/* no-auto says nothing about an ESP (UAPI.2). */
static bool is_of_kind(const struct partition *p, const struct kind *k)
{
	if (k->is_native)
		return uuid_equal(&p->type, dps_type(k->designator, k->role)) && !dps_skips(p);
	return strcmp(dps_type_name(&p->type), k->name) == 0 && !p->filtered &&
	       (k->policy == POLICY_ESP || !dps_skips(p));
}

static bool is_of_set(const struct kind *k, const struct verity_set *set)
{
	return k->is_native && k->designator == set->designator;
}

static const struct partition *find(const struct gpt *gpt, const struct verity_set *set,
				    const struct kind *k)
{
	if (is_of_set(k, set) && k->role == DPS_HASH && set->hash)
		return set->hash;
	if (is_of_set(k, set) && k->role == DPS_SIGNATURE && set->signature)
		return set->signature;
	for (size_t i = 0; i < gpt->n_partitions; i++)
		if (is_of_kind(&gpt->partitions[i], k))
			return &gpt->partitions[i];
	return NULL;
}

static bool has(const struct gpt *gpt, enum designator d, enum role role)
{
	const struct kind k = { .is_native = true, .designator = d, .role = role };

	for (size_t i = 0; i < gpt->n_partitions; i++)
		if (is_of_kind(&gpt->partitions[i], &k))
			return true;
	return false;
}

/* Of the set's: the signature is not used if the policy can do without. */
static bool is_used(const struct kind *k, const struct verity_set *set, const struct policy *policy)
{
	return is_of_set(k, set) &&
	       (k->role == DPS_HASH || !(policy->use[verity_policy(k->designator)] & USE_VERITY));
}

/* What is not to be used is as good as absent, unless it must be absent or the set needs it;
 * and the hash of other data counts if the policy has a use for it. */
static unsigned uses_of(const struct gpt *gpt, const struct verity_set *set, const struct kind *k,
			const struct partition *p, const struct policy *policy)
{
	unsigned allowed = policy->use[k->policy];

	if (!p)
		return USE_ABSENT;
	if (is_used(k, set, policy))
		return k->use;
	if (allowed & USE_UNUSED && !(allowed & ~(unsigned)USE_IGNORE))
		return USE_UNUSED;
	if (k->is_native && k->role == DPS_DATA && allowed & (USE_VERITY | USE_SIGNED) &&
	    has(gpt, k->designator, DPS_HASH))
		return USE_VERITY | (has(gpt, k->designator, DPS_SIGNATURE) ? USE_SIGNED : 0);
	return k->use;
}

/* Judged by itself, by what its hash and signature promise. */
static bool is_data_of_set(const struct kind *k, const struct verity_set *set)
{
	return is_of_set(k, set) && k->role == DPS_DATA;
}

int others_check(const struct gpt *gpt, const struct verity_set *set, const struct policy *policy,
		 struct policy_verdicts *ret, struct err *e)
{
	struct err later;
	int rc = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const struct kind *k = &kinds[i];
		const struct partition *p = find(gpt, set, k);
		int judged;

		if (is_data_of_set(k, set))
			continue;
		judged = policy_judge(policy, k->policy, uses_of(gpt, set, k, p, policy),
				      p ? p->attributes : 0, k->name, ret, rc < 0 ? &later : e);
		if (rc == 0)
			rc = judged;
	}
	return rc;
}

/* Which one belongs to a root hash that nobody told cannot be known, but it shows that
 * the data was meant to be proven. */
static bool has_hash_partition(const struct gpt *gpt, enum designator d)
{
	for (size_t i = 0; i < gpt->n_partitions; i++)
		if (!gpt->partitions[i].filtered &&
		    uuid_equal(&gpt->partitions[i].type, dps_type(d, DPS_HASH)))
			return true;
	return false;
}

static int no_root_hash(const struct gpt *gpt, const struct verity_set *set, struct err *e)
{
	const struct partition *data = set->data;

	if (!has_hash_partition(gpt, set->designator))
		return err_set(e, ERR_ROOT_UNPROTECTED, 0, "partition %u '%s' is plain",
			       data->number, data->label);
	return err_set(e, ERR_SIGNATURE_MISSING, 0,
		       "nothing signs or names the root hash of partition %u '%s'", data->number,
		       data->label);
}

int verity_set_check(const struct gpt *gpt, const struct verity_set *set,
		     const struct policy *policy, struct policy_verdicts *ret, struct err *e)
{
	enum policy_designator d = verity_policy(set->designator);
	struct err data, others;
	int data_rc, others_rc;

	*ret = (struct policy_verdicts){ 0 };
	data_rc = policy_judge(policy, d, verity_set_uses(set), set->data->attributes,
			       set->data->label, ret, &data);
	others_rc = others_check(gpt, set, policy, ret, &others);
	/* Whatever a policy allows. Encrypted data beside a hash partition was meant to be proven, too. */
	if (!set->root_hash_bytes && (!set->encrypted || has_hash_partition(gpt, set->designator))) {
		ret->of[0].refused = true;
		return no_root_hash(gpt, set, e);
	}
	if (!set->encrypted && !set->signature && !(policy->use[d] & USE_VERITY))
		return err_set(e, ERR_SIGNATURE_MISSING, 0,
			       "partition %u '%s' has no signature, and the policy demands one",
			       set->data->number, set->data->label);
	if (data_rc < 0 || others_rc < 0)
		*e = data_rc < 0 ? data : others;
	return data_rc < 0 ? data_rc : others_rc;
}
