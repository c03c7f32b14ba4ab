/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* salt.h - a secret for the TPM alone, out of which the keys of sessions are made. No I/O but for
 * random bytes.
 * Spec: TPM 2.0 part 1, 11.4.10.3 (KDFe), 16 (names), annexes B.10.2 and C.6.1. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "modules/tpm/public.h"

enum {
	SALT_BYTES = 32, /* of a session with SHA-256 */
	SALT_MAX_ENCRYPTED = 512, /* RSA of 4096 bits */
	SALT_NAME_BYTES = 2 + 32,
};

/* A storage key in the TPM. */
struct salt_key {
	uint32_t handle;
	size_t n_public;
	uint8_t public[PUBLIC_MAX_BYTES]; /* TPM2B_PUBLIC */
};

struct salt {
	uint8_t secret[SALT_BYTES];
	size_t n_encrypted;
	uint8_t encrypted[SALT_MAX_ENCRYPTED]; /* what TPM2B_ENCRYPTED_SECRET holds */
};

/* False if the key is not of a kind that public_to_pem() takes and that is named by SHA-256, or is
 * not sound. ret is all zero before; the caller wipes it in either case. */
bool salt_make(const struct salt_key *k, struct salt *ret);

void salt_wipe(struct salt *s);

/* The name of what has exactly n bytes of TPMT_PUBLIC; false if it is not named by SHA-256. */
bool salt_name(const uint8_t *public, size_t n, uint8_t ret[static SALT_NAME_BYTES]);

/* Fills p with n random bytes of the kernel. 0, or -1; its form is that of mbedTLS's callbacks. */
int salt_random(void *unused, unsigned char *p, size_t n);
