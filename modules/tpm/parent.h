/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* parent.h - the storage key under which a secret is sealed, and loading the secret.
 * Spec: TPM 2.0 part 3, 12.2 (Load), 13.3 (Import), 24.1 (CreatePrimary). */
#pragma once

#include "init/core/bytes.h"
#include "modules/tpm/sealed.h"
#include "modules/tpm/session.h"

struct parent {
	struct salt_key key;
	bool is_right;     /* it has the name that it had when the secret was sealed */
	bool is_transient; /* parent_put() flushes it */
};

/* The key that stays in the TPM, or, for a secret that names none, one that is made, as every time
 * the same comes of it. Returns the TPM's code or that of the transport. */
TSS2_RC parent_get(struct tpm *t, const struct sealed *s, struct parent *ret);

void parent_put(struct tpm *t, struct parent *p);

/* Loads a blob, which is imported first if it was sealed without the TPM. *ret_whole is false if
 * it is cut, or followed by something; then, and on failure, ret has no handle. The caller flushes
 * the handle. */
TSS2_RC parent_load(struct tpm *t, const struct parent *p, struct bytes blob, struct session_object *ret,
		    bool *ret_whole);
