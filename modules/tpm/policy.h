/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* policy.h - what is shown to the TPM in a policy session, one command each. They return the TPM's
 * code or that of the transport.
 * Spec: TPM 2.0 part 3, chapter 23. */
#pragma once

#include "init/core/bytes.h"
#include "modules/tpm/command.h"
#include "modules/tpm/pcrkey.h"
#include "modules/tpm/pcrlock.h"

/* What the TPM gives for a signature that it has checked: TPMT_TK_VERIFIED. */
struct policy_ticket {
	size_t n;
	uint8_t bytes[96];
};

/* The PCRs of the mask as they are now; none at all changes nothing in the session. */
TSS2_RC policy_pcr(struct tpm *t, uint32_t session, uint16_t bank, uint32_t pcrs);

/* That what was shown until now is one of n branches (2 to 8). */
TSS2_RC policy_or(struct tpm *t, uint32_t session, uint8_t branches[][PCR_DIGEST_BYTES], size_t n);

/* That the password will be shown in the session's HMAC. */
TSS2_RC policy_auth_value(struct tpm *t, uint32_t session);

/* Has the TPM check that the key signed a policy, with a reference that ref is the digest of, or
 * with none. */
TSS2_RC policy_verify(struct tpm *t, const struct pcr_key *k, const uint8_t policy[static PCR_DIGEST_BYTES],
		      struct bytes ref, const uint8_t signature[static PCR_KEY_BYTES],
		      struct policy_ticket *ret);

/* That what was shown until now is the policy for which there is this ticket. */
TSS2_RC policy_authorize(struct tpm *t, uint32_t session, const struct pcr_key *k,
			 const uint8_t policy[static PCR_DIGEST_BYTES], struct bytes ref,
			 const struct policy_ticket *ticket);

/* That the PCRs have values which pcrlock allows, and that this is what its index says. */
TSS2_RC policy_pcrlock(struct tpm *t, uint32_t session, const struct pcrlock *p);

/* What all that was shown comes to. */
TSS2_RC policy_digest(struct tpm *t, uint32_t session, uint8_t ret[static PCR_DIGEST_BYTES]);
