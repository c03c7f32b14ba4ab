/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pcr.h - what a PCR of a TPM comes to, in each of its banks. No TPM, no I/O.
 * Spec: TPM 2.0 part 3, TPM2_PCR_Extend. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "init/core/bytes.h"
#include "init/core/err.h"
#include "modules/tpm/tpm.h"

enum { PCR_N_BANKS = TPM_MAX_BANKS, PCR_MAX_BYTES = TPM_MAX_DIGEST_BYTES, PCR_MAX_TEXT = 2 * PCR_MAX_BYTES + 1 };

/* Zeroed but for banks, it is a PCR after power-on. */
struct pcr {
	unsigned banks; /* a bit for each that is wanted, by index */
	uint8_t value[PCR_N_BANKS][PCR_MAX_BYTES];
};

/* "sha1", "sha256", "sha384", "sha512"; NULL past the last one. */
const char *pcr_bank_name(size_t bank);

/* Of an existing bank: the length of its values, and its TPM_ALG_ID. */
size_t pcr_bank_bytes(size_t bank);
uint16_t pcr_bank_tpm_id(size_t bank);

/* Measures the parts, one behind the other, as one event: extends each bank by their
 * digest. Errors: ERR_SYSTEM if the library refuses. */
int pcr_extend(struct pcr *pcr, const struct bytes parts[], size_t n, struct err *e);

/* The same for one word, without its NUL. */
int pcr_extend_text(struct pcr *pcr, const char *text, struct err *e);

/* The same with the HMAC of text, keyed with key, in place of a digest: a secret is measured so
 * that nobody learns it. Errors: ERR_SYSTEM. */
int pcr_extend_keyed(struct pcr *pcr, struct bytes key, const char *text, struct err *e);

/* Lower-case hex; returns ret. */
char *pcr_format(const struct pcr *pcr, size_t bank, char ret[static PCR_MAX_TEXT]);
