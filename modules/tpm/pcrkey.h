/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pcrkey.h - the vendor's public key beside the initrd, and what it signed about PCR 11. Pure.
 * Spec: RFC 5280 (SubjectPublicKeyInfo), RFC 8017 (RSAPublicKey); TPM 2.0 part 2, TPMT_PUBLIC,
 * part 3, TPM2_PolicyPCR; the JSON of systemd-measure(1). Trust: input is hostile. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

enum {
	PCR_KEY_BYTES = 256, /* RSA; few TPMs take more bits than 2048 */
	PCR_KEY_MAX_PEM = 4096,
	PCR_KEY_PUBLIC_BYTES = PCR_KEY_BYTES + 22,
	PCR_SIGNATURES_MAX_BYTES = 256 * 1024, /* of the JSON text */
	PCR_DIGEST_BYTES = 32,
	PHASE_PCR = 11, /* what phases are measured into, and signed policies are about */
};

struct pcr_key {
	uint8_t public[PCR_KEY_PUBLIC_BYTES]; /* TPMT_PUBLIC: one that only verifies */
	uint8_t fingerprint[PCR_DIGEST_BYTES]; /* SHA-256 of its RSAPublicKey */
};

/* SHA-256, which fails only if there is hardware behind it: then *ret fits nothing. */
void pcr_sha256(const void *p, size_t n, uint8_t ret[static PCR_DIGEST_BYTES]);

/* Takes one key, RSA of 2048 bits with the exponent 65537, in PEM; a NUL follows it.
 * Errors: ERR_UNSUPPORTED. */
int pcr_key_parse(struct bytes pem, struct pcr_key *ret, struct err *e);

enum { PCR_SELECTION_BYTES = 10 };

/* TPML_PCR_SELECTION of one bank, which the TPM knows by tpm_id. Bit N of pcrs: PCR N. */
void pcr_select(uint16_t tpm_id, uint32_t pcrs, uint8_t ret[static PCR_SELECTION_BYTES]);

/* What a policy session that is at now comes to when it has seen that one PCR of a bank has this value.
 * Policies of a phase begin with it, at zeros. */
void pcr_policy(const uint8_t now[static PCR_DIGEST_BYTES], uint16_t tpm_id, unsigned pcr,
		struct bytes value, uint8_t ret[static PCR_DIGEST_BYTES]);
void pcr_phase_policy(uint16_t tpm_id, struct bytes value, uint8_t ret[static PCR_DIGEST_BYTES]);

/* Looks for the signature by this key over this policy of this bank ("sha256") that has the
 * reference ref, or none if that is NULL. It is not checked. Errors: ERR_UNSUPPORTED if there is none. */
int pcr_signature_find(struct bytes json, const struct pcr_key *k, const char *bank,
		       const uint8_t policy[static PCR_DIGEST_BYTES], const char *ref,
		       uint8_t ret[static PCR_KEY_BYTES], struct err *e);
