/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pcrsig.h - signed policies: "a TPM whose PCR 11 is this may unseal", for secrets that are bound
 * to a public key rather than to a value. The text is that of the section .pcrsig.
 * Spec: TPM 2.0 part 3, TPM2_PolicyPCR and TPM2_PolicyAuthorize; systemd-measure(1). */
#pragma once

#include <stdio.h>

#include "init/core/bytes.h"
#include "init/core/err.h"
#include "mkinitrd/pcr.h"

struct pcrsig_key;

/* Loads a private key: RSA with 2048 bits or more (a TPM's signed policies have no other), PEM,
 * no passphrase. *ret is the caller's, for pcrsig_key_drop(). No copy of the file outlives the
 * call. Errors: ERR_CERTIFICATE, ERR_SYSTEM, ERR_MEMORY. */
int pcrsig_key_load(const char *path, struct pcrsig_key **ret, struct err *e);

/* Wipes and frees; *k may be NULL. */
void pcrsig_key_drop(struct pcrsig_key **k);

/* Whether pem, a public key or a certificate, is that of this key; whose names it in messages.
 * Errors: ERR_CERTIFICATE if not, ERR_MEMORY, ERR_SYSTEM. */
int pcrsig_key_matches(const struct pcrsig_key *k, struct bytes pem, const char *whose,
		       struct err *e);

/* A value of PCR 11 to be signed; once more with a reference, if there is one: what the TPM shall
 * accept for that use alone. */
struct pcrsig_value {
	struct pcr pcr;
	const char *ref; /* NULL: none */
};

/* Prints the signatures for n values, of which all have the same banks. What blinds the key
 * changes each time; the output does not. On an error there is half a text. Errors: ERR_SYSTEM. */
int pcrsig_print(FILE *f, struct pcrsig_key *k, const struct pcrsig_value values[], size_t n,
		 struct err *e);
