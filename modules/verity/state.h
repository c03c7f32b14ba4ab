/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* state.h - a root partition beside a proven /usr: it holds the state of the system, and nothing
 * proves it. Spec: UAPI.2. Pure. */
#pragma once

#include "init/core/err.h"
#include "modules/disk/dps.h"
#include "modules/disk/filesystem.h"
#include "modules/disk/gpt.h"
#include "modules/trust/policy.h"

/* Chooses the root partition, as dps_choose() does. What it says of root partitions replaces the
 * words in *verdicts, which has those of the choice of /usr. *ret points into gpt.
 * Errors: those of dps_choose(), ERR_ROOT_INCOMPLETE (the disk has hashes or a signature for a root). */
int state_choose(const struct gpt *gpt, const struct dps_wish *wish, struct dps_verdicts *verdicts,
		 const struct partition **ret, struct err *e);

/* May it be used? start is what it begins with; *ret_use is what that makes of it, USE_UNPROTECTED or
 * USE_ENCRYPTED. Errors: ERR_ROOT_UNPROTECTED (the policy does not say that it may),
 * ERR_POLICY_REFUSED (not if it is encrypted as it is). */
int state_check(const struct partition *p, const uint8_t start[static LUKS_MAGIC_BYTES],
		const struct policy *policy, unsigned *ret_use, struct err *e);
