/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* judge.h - what an extension image must be before it is proven and mounted. */
#pragma once

#include "init/core/err.h"
#include "modules/trust/policy.h"
#include "modules/verity/set.h"

/* Chooses the image's root, or, if the policy knows of one, its usr, and checks it as below; read
 * brings signature partitions. Errors: those of verity_set_read() and extension_check_set(). */
int extension_choose_set(const struct gpt *gpt, const struct policy *policy, partition_reader read,
			 void *arg, struct verity_set *ret, struct err *e);

/* Is it signed, whatever the policy says, and does that allow it?
 * Errors: ERR_SIGNATURE_MISSING, ERR_POLICY_REFUSED. */
int extension_check_set(const struct verity_set *set, const struct policy *policy, struct err *e);

/* May this file system be laid over others? Errors: ERR_EXTENSION_MALFORMED,
 * ERR_POLICY_REFUSED. */
int extension_check_filesystem(const char *filesystem, enum designator d,
			       const struct policy *policy, struct err *e);
