/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pin.h - what a PIN is for the TPM, and for what the TPM gives out. No I/O.
 * Spec: RFC 8018 (PBKDF2), RFC 9106 (Argon2), RFC 5869 (HKDF); TPM 2.0 part 1, 19.6.4.3 (a
 * password does not end with zero); the formulas of systemd-cryptenroll(1) tokens. */
#pragma once

#include "init/core/bytes.h"
#include "init/core/err.h"
#include "modules/tpm/sealed.h"

enum { PIN_AUTH_BYTES = 32, PIN_KEY_BYTES = 32 };

struct pin {
	size_t n_auth;
	uint8_t auth[PIN_AUTH_BYTES]; /* the TPM's password */
	bool has_key; /* with Argon2: what the TPM gives out is worth nothing without the key */
	uint8_t key[PIN_KEY_BYTES];
};

/* Takes the text, with the salt and the costs of the token. The caller wipes *ret in either case.
 * Errors: ERR_MEMORY, if the costs are more than half of this machine's memory, too. */
int pin_prepare(const struct sealed *s, const char *text, struct pin *ret, struct err *e);

/* Replaces the secret by the key that it and the PIN make together. Errors: ERR_SYSTEM. */
int pin_finish(const struct pin *p, struct bytes secret, uint8_t ret[static PIN_KEY_BYTES], struct err *e);

void pin_wipe(struct pin *p);
