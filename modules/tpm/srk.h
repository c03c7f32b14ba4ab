/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* srk.h - the storage root key, to which the host seals its secrets, and its public part
 * as systemd-tpm2-setup leaves it.
 * Spec: TCG TPM 2.0 Provisioning Guidance 7.5.1 and 7.8. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"
#include "modules/tpm/public.h"
#include "modules/tpm/tpm.h"

#define SRK_NAME "tpm2-srk-public-key"

struct srk {
	bool was_made; /* just now: the TPM had none */
	size_t n_public;
	uint8_t public[PUBLIC_MAX_BYTES]; /* TPM2B_PUBLIC as on the wire */
	char pem[PUBLIC_MAX_PEM];
};

/* Reads the key at handle 0x81000001; where there is none, makes it (P-256, or RSA-2048 in
 * a TPM without that) and keeps it there. Errors: ERR_TPM_FAILED (its owner has set a
 * password, for one), ERR_UNSUPPORTED if it is of a kind that is not understood. */
int srk_get(struct tpm *t, struct srk *ret, struct err *e);

/* Writes SRK_NAME.tpm2b_public and SRK_NAME.pem to the folder, which is made: both or none,
 * as the host asks only for the second. Errors: ERR_SYSTEM. */
int srk_write(const struct srk *srk, const char *folder, struct err *e);
