/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/verity/others.h"

#include <string.h>

/* Not to be told apart without reading them. */
enum { USE_ANY_CONTENT = USE_UNPROTECTED | USE_ENCRYPTED | USE_ENCRYPTED_INTEGRITY };

static const struct kind {
	enum policy_designator policy;
	const char *name;
	bool is_native; /* the type is that of the architecture, by the next two */
	enum designator designator;
	enum role role;
	unsigned use;   /* if it is there */
} kinds[] = {
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

static const struct partition *find(const struct gpt *gpt, const struct verity_set *set,
				    const struct kind *k)
{
	if (k->policy == POLICY_ROOT_VERITY && set->hash)
		return set->hash;
	if (k->policy == POLICY_ROOT_VERITY_SIG && set->signature)
		return set->signature;
	for (size_t i = 0; i < gpt->n_partitions; i++)
		if (is_of_kind(&gpt->partitions[i], k))
			return &gpt->partitions[i];
	return NULL;
}

static bool has(const struct gpt *gpt, enum role role)
{
	const struct kind k = { .is_native = true, .designator = DPS_USR, .role = role };

	for (size_t i = 0; i < gpt->n_partitions; i++)
		if (is_of_kind(&gpt->partitions[i], &k))
			return true;
	return false;
}

/* What is not to be used is as good as absent, unless it must be absent; and the hash
 * of usr counts if the policy has a use for it. */
static unsigned uses_of(const struct gpt *gpt, const struct kind *k, const struct partition *p,
			unsigned allowed)
{
	if (!p)
		return USE_ABSENT;
	if (allowed & USE_UNUSED && !(allowed & ~(unsigned)USE_IGNORE))
		return USE_UNUSED;
	if (k->policy == POLICY_USR && allowed & (USE_VERITY | USE_SIGNED) && has(gpt, DPS_HASH))
		return USE_VERITY | (has(gpt, DPS_SIGNATURE) ? USE_SIGNED : 0);
	return k->use;
}

int others_check(const struct gpt *gpt, const struct verity_set *set, const struct policy *policy,
		 struct err *e)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const struct kind *k = &kinds[i];
		const struct partition *p = find(gpt, set, k);
		unsigned found = uses_of(gpt, k, p, policy->use[k->policy]);
		int rc = policy_check(policy, k->policy, found, p ? p->attributes : 0, k->name, e);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Which one belongs to a root hash that nobody told cannot be known, but it shows that
 * the root was meant to be proven. */
static bool has_hash_partition(const struct gpt *gpt)
{
	for (size_t i = 0; i < gpt->n_partitions; i++)
		if (!gpt->partitions[i].filtered &&
		    uuid_equal(&gpt->partitions[i].type, dps_type(DPS_ROOT, DPS_HASH)))
			return true;
	return false;
}

static int no_root_hash(const struct gpt *gpt, const struct partition *data, struct err *e)
{
	if (!has_hash_partition(gpt))
		return err_set(e, ERR_ROOT_UNPROTECTED, 0, "partition %u '%s' is plain",
			       data->number, data->label);
	return err_set(e, ERR_SIGNATURE_MISSING, 0,
		       "nothing signs or names the root hash of partition %u '%s'", data->number,
		       data->label);
}

int verity_set_check(const struct gpt *gpt, const struct verity_set *set,
		     const struct policy *policy, struct err *e)
{
	int rc;

	if (!set->root_hash_bytes)
		return no_root_hash(gpt, set->data, e);
	if (!set->signature && !(policy->use[POLICY_ROOT] & USE_VERITY))
		return err_set(e, ERR_SIGNATURE_MISSING, 0,
			       "partition %u '%s' has no signature, and the policy demands one",
			       set->data->number, set->data->label);
	rc = policy_check(policy, POLICY_ROOT, verity_set_uses(set), set->data->attributes,
			  set->data->label, e);
	return rc < 0 ? rc : others_check(gpt, set, policy, e);
}
