/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/pcr.h"

#include <string.h>

#include <mbedtls/md.h>

#include "init/core/cleanup.h"
#include "modules/tpm/bank.h"

const char *pcr_bank_name(size_t bank)
{
	return bank < PCR_N_BANKS ? tpm_banks[bank].name : NULL;
}

size_t pcr_bank_bytes(size_t bank)
{
	return tpm_banks[bank].n_bytes;
}

uint16_t pcr_bank_tpm_id(size_t bank)
{
	return tpm_banks[bank].algorithm;
}

static int digest(const struct bank *bank, const struct bytes parts[], size_t n,
		  uint8_t ret[static PCR_MAX_BYTES], struct err *e)
{
	SCOPED(mbedtls_md_free) mbedtls_md_context_t c;
	int rc;

	mbedtls_md_init(&c);
	rc = mbedtls_md_setup(&c, mbedtls_md_info_from_type((mbedtls_md_type_t)bank->md), 0);
	if (rc == 0)
		rc = mbedtls_md_starts(&c);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = mbedtls_md_update(&c, parts[i].p, parts[i].n);
	if (rc == 0)
		rc = mbedtls_md_finish(&c, ret);
	if (rc != 0)
		return err_set(e, ERR_SYSTEM, 0, "compute a digest of %s (mbedTLS %d)", bank->name,
			       rc);
	return 0;
}

static int extend_bank(struct pcr *pcr, size_t bank, const uint8_t event[static PCR_MAX_BYTES],
		       struct err *e)
{
	const struct bytes both[] = { { pcr->value[bank], tpm_banks[bank].n_bytes },
				      { event, tpm_banks[bank].n_bytes } };

	return digest(&tpm_banks[bank], both, 2, pcr->value[bank], e);
}

int pcr_extend(struct pcr *pcr, const struct bytes parts[], size_t n, struct err *e)
{
	uint8_t event[PCR_MAX_BYTES];
	int rc = 0;

	for (size_t i = 0; i < PCR_N_BANKS && rc == 0; i++) {
		if (!(pcr->banks & 1u << i))
			continue;
		rc = digest(&tpm_banks[i], parts, n, event, e);
		if (rc == 0)
			rc = extend_bank(pcr, i, event, e);
	}
	return rc;
}

int pcr_extend_keyed(struct pcr *pcr, struct bytes key, const char *text, struct err *e)
{
	uint8_t event[PCR_MAX_BYTES];
	int rc = 0;

	for (size_t i = 0; i < PCR_N_BANKS && rc == 0; i++) {
		if (!(pcr->banks & 1u << i))
			continue;
		rc = mbedtls_md_hmac(mbedtls_md_info_from_type((mbedtls_md_type_t)tpm_banks[i].md), key.p, key.n,
				     (const uint8_t *)text, strlen(text), event);
		if (rc != 0)
			return err_set(e, ERR_SYSTEM, 0, "compute an HMAC by %s (mbedTLS %d)",
				       tpm_banks[i].name, rc);
		rc = extend_bank(pcr, i, event, e);
	}
	return rc;
}

int pcr_extend_text(struct pcr *pcr, const char *text, struct err *e)
{
	return pcr_extend(pcr, &(struct bytes){ (const uint8_t *)text, strlen(text) }, 1, e);
}

char *pcr_format(const struct pcr *pcr, size_t bank, char ret[static PCR_MAX_TEXT])
{
	hex_encode(pcr->value[bank], tpm_banks[bank].n_bytes, ret);
	return ret;
}
