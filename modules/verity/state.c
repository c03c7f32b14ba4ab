/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/verity/state.h"

#include <stddef.h>

enum { USE_UNPROVEN = USE_UNPROTECTED | USE_ENCRYPTED | USE_ENCRYPTED_INTEGRITY };

/* Then somebody meant the root to be proven. */
static int check_alone(const struct gpt *gpt, struct err *e)
{
	for (size_t i = 0; i < gpt->n_partitions; i++) {
		const struct partition *p = &gpt->partitions[i];

		if (!dps_skips(p) && (uuid_equal(&p->type, dps_type(DPS_ROOT, DPS_HASH)) ||
				      uuid_equal(&p->type, dps_type(DPS_ROOT, DPS_SIGNATURE))))
			return err_set(e, ERR_ROOT_INCOMPLETE, 0,
				       "partition %u '%s' is there to prove a root, and the system is in /usr",
				       p->number, p->label);
	}
	return 0;
}

int state_choose(const struct gpt *gpt, const struct dps_wish *wish, struct dps_verdicts *verdicts,
		 const struct partition **ret, struct err *e)
{
	struct dps_verdicts own;
	int rc = dps_choose(gpt, DPS_ROOT, wish, &own, ret, e);

	for (size_t i = 0; i < gpt->n_partitions; i++)
		if (uuid_equal(&gpt->partitions[i].type, dps_type(DPS_ROOT, DPS_DATA)))
			verdicts->why[i] = own.why[i];
	return rc < 0 ? rc : check_alone(gpt, e);
}

int state_check(const struct partition *p, const uint8_t start[static LUKS_MAGIC_BYTES],
		const struct policy *policy, unsigned *ret_use, struct err *e)
{
	unsigned allowed = policy->use[POLICY_ROOT] & USE_UNPROVEN;
	bool encrypted = filesystem_is_luks(start);
	char words[POLICY_WORDS_BYTES];

	if (!allowed || (!encrypted && !(allowed & USE_UNPROTECTED)))
		return err_set(e, ERR_ROOT_UNPROTECTED, 0,
			       "nothing proves the root partition %u '%s' beside /usr, and no rule "
			       "'root=%s' of slipway.conf allows that", p->number, p->label,
			       encrypted ? "encrypted" : "unprotected");
	if (encrypted && !(allowed & USE_ENCRYPTED))
		return err_set(e, ERR_POLICY_REFUSED, 0,
			       "the root partition %u '%s' beside /usr is encrypted, and the policy allows "
			       "'root=%s'", p->number, p->label,
			       policy_words(policy, POLICY_ROOT, words, sizeof(words)));
	*ret_use = encrypted ? USE_ENCRYPTED : USE_UNPROTECTED;
	return 0;
}
