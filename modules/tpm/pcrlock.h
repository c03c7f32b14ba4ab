/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pcrlock.h - the values that PCRs may have, as systemd-pcrlock(8) writes them to pcrlock.json, and
 * the index of the TPM that holds the policy for which they are the proof. Pure.
 * Trust: input is hostile; the index decides. */
#pragma once

#include "init/core/bytes.h"
#include "init/core/err.h"
#include "modules/tpm/tpm.h"

enum { PCRLOCK_MAX_BYTES = 128 * 1024, PCRLOCK_MAX_VALUES = 8 /* that a TPM takes in one policy */ };

struct pcrlock {
	uint32_t index;
	uint16_t bank; /* TPM_ALG_ID */
	size_t n_digest; /* its bytes */
	struct pcrlock_values {
		size_t n; /* 0: the policy is not about this PCR */
		uint8_t at[PCRLOCK_MAX_VALUES][TPM_MAX_DIGEST_BYTES];
	} pcrs[TPM_N_PCRS];
};

/* *ret owns nothing, and is large (12 KB). Errors: ERR_UNSUPPORTED, ERR_MEMORY. */
int pcrlock_parse(struct bytes json, struct pcrlock *ret, struct err *e);
