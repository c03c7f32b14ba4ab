/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* unseal.h - has the TPM give out the passphrase of a key slot.
 * Spec: TPM 2.0 part 1, 19 (sessions), part 3, 12.7 (Unseal) and 23 (policies); the formulas of
 * systemd-cryptenroll(1) tokens. */
#pragma once

#include "init/core/bytes.h"
#include "init/core/err.h"
#include "modules/tpm/sealed.h"
#include "modules/tpm/tpm.h"

/* Base64 of at most two shards of 128 bytes, with its NUL. */
enum { UNSEAL_MAX_PASSPHRASE = 345 };

/* What came of it, and what the caller does then. */
enum unseal_verdict {
	UNSEALED,
	UNSEAL_NOT_HERE,   /* it is of another TPM, policy or state of this machine: the next token */
	UNSEAL_NEEDS_PIN,  /* all but the PIN is right: ask for it, and come again */
	UNSEAL_WRONG_PIN,  /* the TPM counted one wrong try: ask again */
	UNSEAL_LOCKED_OUT, /* the TPM takes no PIN for a time, which e says: do not ask for one */
	UNSEAL_FAILED,     /* the TPM does not work, or there is too little memory */
};

struct unseal_request {
	const struct sealed *sealed;
	const char *pin; /* or NULL: how far it goes without one costs no try */
	/* Texts of tpm2-pcr-signature.json, in the order in which they are asked. */
	const struct bytes *signatures;
	size_t n_signatures;
	struct bytes pcrlock; /* the text of pcrlock.json; n is 0 if there is none */
};

/* Writes the passphrase of the key slot, which is base64 text with a NUL, to ret, which has room
 * for UNSEAL_MAX_PASSPHRASE bytes and which the caller wipes; all that was secret on the way is
 * wiped here. What passes between us and the TPM is encrypted. May take minutes with a TPM that
 * has to make an RSA key, and otherwise as long as the TPM needs for some ten commands.
 * e is filled with what and why unless the verdict is UNSEALED (code ERR_TPM_FAILED,
 * ERR_UNSUPPORTED or ERR_MEMORY; only the verdict tells what to do). */
enum unseal_verdict tpm_unseal(struct tpm *t, const struct unseal_request *q,
			       char ret[static UNSEAL_MAX_PASSPHRASE], struct err *e);
