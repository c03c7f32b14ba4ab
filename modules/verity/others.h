/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* others.h - what else the disk holds, against the image policy. */
#pragma once

#include "init/core/err.h"
#include "modules/disk/gpt.h"
#include "modules/trust/verdict.h"
#include "modules/verity/set.h"

/* The policy's word for the data of a set. */
enum policy_designator verity_policy(enum designator d);

/* May the set be used as the system, and the disk beside it? Of the set, what its
 * table and signature promise. *ret has the verdict on each, also after an error. Pure. Errors:
 * ERR_ROOT_UNPROTECTED, ERR_SIGNATURE_MISSING, ERR_POLICY_REFUSED. */
int verity_set_check(const struct gpt *gpt, const struct verity_set *set,
		     const struct policy *policy, struct policy_verdicts *ret, struct err *e);

/* Checks each partition that discovery would use besides the set's data, or its absence,
 * by the table alone: a policy that one of them breaks refuses the whole image. What
 * home, srv, swap, tmp and var contain is for the host to look at, so any way in which
 * they may be there will do. Of several of a kind the first counts, of the set's hash
 * and signature its own. Adds all verdicts to *ret. Pure. Errors: ERR_POLICY_REFUSED,
 * of the first that is refused. */
int others_check(const struct gpt *gpt, const struct verity_set *set, const struct policy *policy,
		 struct policy_verdicts *ret, struct err *e);
