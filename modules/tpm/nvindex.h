/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nvindex.h - NvPCRs in the TPM: proving that this is the phase that begins them, beginning them,
 * extending them. Spec: TPM 2.0 part 3, chapters 20, 23 and 31. */
#pragma once

#include "modules/tpm/nvpcr.h"
#include "modules/tpm/policy.h"
#include "modules/tpm/tpm.h"

/* A proof that the TPM took: this initrd, in this phase, is signed. */
struct nvpcr_permit {
	struct pcr_key key;
	uint16_t bank; /* whose PCR 11 it is about */
	uint8_t authority[PCR_DIGEST_BYTES]; /* nvpcr_authority() */
	uint8_t policy[PCR_DIGEST_BYTES];    /* what was signed */
	struct policy_ticket ticket;
};

/* Finds what the vendor signed about PCR 11 as it is now, in one of the banks that are used, and
 * has the TPM check it. Errors: ERR_UNSUPPORTED if nothing is signed, ERR_TPM_FAILED. */
int nvpcr_allow(struct tpm *t, struct bytes pem, struct bytes signatures, struct nvpcr_permit *ret,
		struct err *e);

/* Makes the index, unless it is there and the same; one that was made by another key is made
 * anew. Extends it by zeros. Errors: ERR_TPM_FAILED, with errnum ENOSPC if the TPM is full;
 * ERR_UNSUPPORTED if the index is there for something else, or was begun before. */
int nvpcr_begin(struct tpm *t, const struct nvpcr *n, const struct nvpcr_permit *p, struct err *e);

/* Extends it by the SHA-256 of the text, and logs that; as tpm_measure(). authority: of the permit
 * that it was begun with. Errors: ERR_TPM_FAILED. */
int nvpcr_measure(struct tpm *t, const struct nvpcr *n,
		  const uint8_t authority[static PCR_DIGEST_BYTES], const char *text,
		  const char *event_type, struct measurement *ret, struct err *e);
