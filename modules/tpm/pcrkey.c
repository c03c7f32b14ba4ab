/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/pcrkey.h"

#include <mbedtls/pem.h>
#include <mbedtls/sha256.h>
#include <stdbool.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/json.h"

enum { MAX_DEPTH = 8, MAX_SIGNATURES = 256, RSA_AT = 24 };

void pcr_sha256(const void *p, size_t n, uint8_t ret[static PCR_DIGEST_BYTES])
{
	if (mbedtls_sha256(p, n, ret, 0) != 0)
		memset(ret, 0, PCR_DIGEST_BYTES);
}

/* DER has one form for each key, so it is compared rather than parsed. */
static const uint8_t der_head[] = {
	0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
	0x01, 0x05, 0x00,                   /* rsaEncryption */
	0x03, 0x82, 0x01, 0x0f, 0x00,       /* no unused bits */
	0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00, /* positive */
};
static const uint8_t der_exponent[] = { 0x02, 0x03, 0x01, 0x00, 0x01 };

static const uint8_t public_head[] = {
	0, 0x01, 0, 0x0b,           /* RSA, named by SHA-256 */
	0, 0x06, 0, 0x40, 0, 0,     /* verifies and encrypts; no policy */
	0, 0x10, 0, 0x10, 8, 0,     /* no cipher, any scheme, bits */
	0, 1, 0, 1, 1, 0,           /* exponent; size of the modulus */
};

enum { DER_BYTES = sizeof(der_head) + PCR_KEY_BYTES + sizeof(der_exponent) };

int pcr_key_parse(struct bytes pem, struct pcr_key *ret, struct err *e)
{
	SCOPED(mbedtls_pem_free) mbedtls_pem_context c;
	const uint8_t *der = NULL;
	size_t n = 0;

	mbedtls_pem_init(&c);
	if (pem.n <= PCR_KEY_MAX_PEM &&
	    mbedtls_pem_read_buffer(&c, "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----", pem.p,
				    NULL, 0, &n) == 0)
		der = mbedtls_pem_get_buffer(&c, &n);
	if (!der || n != DER_BYTES || memcmp(der, der_head, sizeof(der_head)) != 0 ||
	    !(der[sizeof(der_head)] & 0x80) ||
	    memcmp(der + n - sizeof(der_exponent), der_exponent, sizeof(der_exponent)) != 0)
		return err_set(e, ERR_UNSUPPORTED, 0, "the PCR public key is no RSA key of 2048 bits in PEM");
	memcpy(ret->public, public_head, sizeof(public_head));
	memcpy(ret->public + sizeof(public_head), der + sizeof(der_head), PCR_KEY_BYTES);
	pcr_sha256(der + RSA_AT, n - RSA_AT, ret->fingerprint);
	return 0;
}

void pcr_select(uint16_t tpm_id, uint32_t pcrs, uint8_t ret[static PCR_SELECTION_BYTES])
{
	const uint8_t selection[] = {
		0, 0, 0, 1, (uint8_t)(tpm_id >> 8), (uint8_t)tpm_id,
		3, (uint8_t)pcrs, (uint8_t)(pcrs >> 8), (uint8_t)(pcrs >> 16),
	};

	memcpy(ret, selection, sizeof(selection));
}

void pcr_policy(const uint8_t now[static PCR_DIGEST_BYTES], uint16_t tpm_id, unsigned pcr,
		struct bytes value, uint8_t ret[static PCR_DIGEST_BYTES])
{
	enum { SELECTION_AT = PCR_DIGEST_BYTES + 4, VALUE_AT = SELECTION_AT + PCR_SELECTION_BYTES };
	uint8_t text[VALUE_AT + PCR_DIGEST_BYTES] = { [PCR_DIGEST_BYTES] = 0, 0, 0x01, 0x7f /* TPM2_PolicyPCR */ };

	memcpy(text, now, PCR_DIGEST_BYTES);
	pcr_select(tpm_id, 1u << pcr, text + SELECTION_AT);
	pcr_sha256(value.p, value.n, text + VALUE_AT);
	pcr_sha256(text, sizeof(text), ret);
}

void pcr_phase_policy(uint16_t tpm_id, struct bytes value, uint8_t ret[static PCR_DIGEST_BYTES])
{
	static const uint8_t beginning[PCR_DIGEST_BYTES];

	pcr_policy(beginning, tpm_id, PHASE_PCR, value, ret);
}

/* ---- signatures ---- */

/* "" if there is none, or entry is no object. */
static const char *text_of(struct json_object *entry, const char *key)
{
	const char *text = json_object_get_string(json_object_object_get(entry, key));

	return text ? text : "";
}

static bool is_hex_of(struct json_object *entry, const char *key,
		      const uint8_t digest[static PCR_DIGEST_BYTES])
{
	uint8_t bytes[PCR_DIGEST_BYTES];

	return hex_decode(text_of(entry, key), bytes, sizeof(bytes)) == PCR_DIGEST_BYTES &&
	       memcmp(bytes, digest, PCR_DIGEST_BYTES) == 0;
}

static bool has_reference(struct json_object *entry, const char *ref)
{
	struct json_object *found = NULL;

	return json_object_object_get_ex(entry, "ref", &found) ? ref && strcmp(text_of(entry, "ref"), ref) == 0
							       : !ref;
}

/* Which PCRs it is about need not be asked: those are in the policy. */
int pcr_signature_find(struct bytes json, const struct pcr_key *k, const char *bank,
		       const uint8_t policy[static PCR_DIGEST_BYTES], const char *ref,
		       uint8_t ret[static PCR_KEY_BYTES], struct err *e)
{
	SCOPED(tokener_drop) struct json_tokener *tokener = json_tokener_new_ex(MAX_DEPTH);
	SCOPED(json_drop) struct json_object *all = NULL;
	struct json_object *list = NULL;
	size_t n = 0;

	if (tokener && json.n <= PCR_SIGNATURES_MAX_BYTES)
		all = json_tokener_parse_ex(tokener, (const char *)json.p, (int)json.n);
	list = json_object_object_get(all, bank);
	if (json_object_is_type(list, json_type_array))
		n = json_object_array_length(list);
	for (size_t i = 0; i < n && i < MAX_SIGNATURES; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);

		if (has_reference(entry, ref) && is_hex_of(entry, "pol", policy) &&
		    is_hex_of(entry, "pkfp", k->fingerprint) &&
		    base64_decode(text_of(entry, "sig"), ret, PCR_KEY_BYTES) == PCR_KEY_BYTES)
			return 0;
	}
	if (!ref)
		return err_set(e, ERR_UNSUPPORTED, 0, "nothing is signed for this state of the machine");
	return err_set(e, ERR_UNSUPPORTED, 0, "nothing is signed for this phase with the reference '%s'",
		       ref);
}
