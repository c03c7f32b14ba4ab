/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bank.h - the banks of PCRs that are known, each with the hash that it is made with. Pure.
 * Spec: TPM 2.0 part 2, TPM_ALG_ID; the names are those of systemd's JSON. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "modules/tpm/tpm.h"

struct bank {
	uint32_t bit;       /* TPM_BANK_* */
	uint16_t algorithm; /* TPM_ALG_ID */
	int md;             /* mbedtls_md_type_t */
	const char *name;   /* "sha256" */
	size_t n_bytes;     /* of its values */
};

extern const struct bank tpm_banks[TPM_MAX_BANKS];

/* NULL if there is none. name may be NULL. */
const struct bank *tpm_bank_by_name(const char *name);
const struct bank *tpm_bank_by_algorithm(uint16_t algorithm);

enum { PCRS_TEXT_BYTES = 24 * 3 };

/* The PCRs whose bits are set, as "7+11"; "" if there is none. Returns ret. */
const char *pcrs_text(uint32_t pcrs, char ret[static PCRS_TEXT_BYTES]);
