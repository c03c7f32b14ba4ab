/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/bank.h"

#include <mbedtls/md.h>
#include <stdio.h>
#include <string.h>
#include <tss2/tss2_tpm2_types.h>

const struct bank tpm_banks[TPM_MAX_BANKS] = {
	{ TPM_BANK_SHA1, TPM2_ALG_SHA1, MBEDTLS_MD_SHA1, "sha1", 20 },
	{ TPM_BANK_SHA256, TPM2_ALG_SHA256, MBEDTLS_MD_SHA256, "sha256", 32 },
	{ TPM_BANK_SHA384, TPM2_ALG_SHA384, MBEDTLS_MD_SHA384, "sha384", 48 },
	{ TPM_BANK_SHA512, TPM2_ALG_SHA512, MBEDTLS_MD_SHA512, "sha512", 64 },
};

const struct bank *tpm_bank_by_name(const char *name)
{
	for (size_t i = 0; name && i < TPM_MAX_BANKS; i++)
		if (strcmp(name, tpm_banks[i].name) == 0)
			return &tpm_banks[i];
	return NULL;
}

const struct bank *tpm_bank_by_algorithm(uint16_t algorithm)
{
	for (size_t i = 0; i < TPM_MAX_BANKS; i++)
		if (algorithm == tpm_banks[i].algorithm)
			return &tpm_banks[i];
	return NULL;
}

const char *pcrs_text(uint32_t pcrs, char ret[static PCRS_TEXT_BYTES])
{
	size_t n = 0;

	*ret = '\0';
	for (unsigned i = 0; i < 24; i++)
		if (pcrs & UINT32_C(1) << i)
			n += (size_t)snprintf(ret + n, PCRS_TEXT_BYTES - n, n ? "+%u" : "%u", i);
	return ret;
}
