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
	PCR_KEY_MAX_BYTES = 512,
	PCR_KEY_MAX_PEM = 4096,
	PCR_KEY_MAX_PUBLIC = PCR_KEY_MAX_BYTES + 22,
	PCR_SIGNATURES_MAX_BYTES = 256 * 1024, /* of the JSON text */
	PCR_DIGEST_BYTES = 32,
};

struct pcr_key {
	size_t n; /* 256, 384 or 512 */
	uint8_t modulus[PCR_KEY_MAX_BYTES]; /* the exponent is 65537 */
	uint8_t fingerprint[PCR_DIGEST_BYTES]; /* SHA-256 of its RSAPublicKey */
};

/* Takes one key in PEM: RSA of 2048, 3072 or 4096 bits. Errors: ERR_UNSUPPORTED, ERR_MEMORY. */
int pcr_key_parse(struct bytes pem, struct pcr_key *ret, struct err *e);

/* The key as TPMT_PUBLIC: one that only verifies. Returns the number of bytes. */
size_t pcr_key_public(const struct pcr_key *k, uint8_t ret[static PCR_KEY_MAX_PUBLIC]);

/* What a policy session comes to when it has seen that PCR 11 of a bank, which the TPM knows by
 * tpm_id, has this value. Errors: ERR_SYSTEM. */
int pcr_policy(uint16_t tpm_id, struct bytes value, uint8_t ret[static PCR_DIGEST_BYTES],
	       struct err *e);

/* Looks for the signature by this key over this policy of this bank ("sha256") that has the
 * reference ref; writes its k->n bytes. The signature itself is not checked.
 * Errors: ERR_UNSUPPORTED if there is none, ERR_MEMORY. */
int pcr_signature_find(struct bytes json, const struct pcr_key *k, const char *bank,
		       const uint8_t policy[static PCR_DIGEST_BYTES], const char *ref,
		       uint8_t ret[static PCR_KEY_MAX_BYTES], struct err *e);
