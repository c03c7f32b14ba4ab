/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/judge.h"

#include <string.h>

#include "modules/verity/others.h"

int extension_choose_set(const struct gpt *gpt, const struct policy *policy, partition_reader read,
			 void *arg, struct verity_set *ret, struct err *e)
{
	static const struct verity_set_wish any = { 0 };
	int rc = verity_set_read(gpt, DPS_ROOT, &any, read, arg, ret, e);

	if (rc == -(int)ERR_ROOT_MISSING && policy->use[POLICY_USR] & USE_SIGNED)
		rc = verity_set_read(gpt, DPS_USR, &any, read, arg, ret, e);
	return rc < 0 ? rc : extension_check_set(ret, policy, e);
}

int extension_check_set(const struct verity_set *set, const struct policy *policy, struct err *e)
{
	/* Whatever the policy says: no proof, no mount. */
	if (!set->signature)
		return err_set(e, ERR_SIGNATURE_MISSING, 0, "it is not signed");
	return policy_check(policy, verity_policy(set->designator), verity_set_uses(set),
			    set->data->attributes, set->data->devname, e);
}

int extension_check_filesystem(const char *filesystem, enum designator d,
			       const struct policy *policy, struct err *e)
{
	/* Case-insensitive: no overlay takes it, and one such would stop all. */
	if (strcmp(filesystem, "vfat") == 0)
		return err_set(e, ERR_EXTENSION_MALFORMED, 0, "its file system is '%s'", filesystem);
	return policy_check_filesystem(policy, verity_policy(d), filesystem, e);
}
