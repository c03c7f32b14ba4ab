/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/verity/filtered.h"

#include "modules/disk/dps.h"

/* -1: none that a filter can name, such as those of another architecture. */
static int designator_of(const struct partition *p)
{
	static const enum policy_designator native[2][3] = {
		[DPS_ROOT] = { POLICY_ROOT, POLICY_ROOT_VERITY, POLICY_ROOT_VERITY_SIG },
		[DPS_USR] = { POLICY_USR, POLICY_USR_VERITY, POLICY_USR_VERITY_SIG },
	};

	for (enum designator d = DPS_ROOT; d <= DPS_USR; d++)
		for (enum role r = DPS_DATA; r <= DPS_SIGNATURE; r++)
			if (uuid_equal(&p->type, dps_type(d, r)))
				return (int)native[d][r];
	return policy_designator(dps_type_name(&p->type));
}

void filter_apply(const struct filter *f, struct gpt *gpt)
{
	for (size_t i = 0; i < gpt->n_partitions; i++) {
		struct partition *p = &gpt->partitions[i];
		int d = designator_of(p);

		p->filtered = d >= 0 && !filter_matches(f, (enum policy_designator)d, p->label);
	}
}
