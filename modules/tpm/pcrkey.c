/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/pcrkey.h"

#include <json-c/json.h>
#include <mbedtls/pem.h>
#include <mbedtls/sha256.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "init/core/cleanup.h"

enum { MAX_DEPTH = 8, MAX_SIGNATURES = 256, PHASE_PCR = 11, HEAD_BYTES = 33, RSA_AT = 24 };

/* What stands before the modulus in the DER of a key, all lengths in two bytes. */
static void make_head(size_t n, uint8_t ret[static HEAD_BYTES])
{
	static const uint8_t head[HEAD_BYTES] = {
		0x30, 0x82, 0, 0, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
		0x01, 0x01, 0x01, 0x05, 0x00, /* rsaEncryption */
		0x03, 0x82, 0, 0, 0, 0x30, 0x82, 0, 0, 0x02, 0x82, 0, 0, 0 /* it is positive */
	};
	static const struct { uint8_t at, more; } lengths[] = { { 2, 34 }, { 21, 15 }, { 26, 10 }, { 30, 1 } };

	memcpy(ret, head, sizeof(head));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		ret[lengths[i].at] = (uint8_t)((n + lengths[i].more) >> 8);
		ret[lengths[i].at + 1] = (uint8_t)(n + lengths[i].more);
	}
}

/* DER has one form for each key, so it is compared rather than parsed. */
static bool take_der(const uint8_t *p, size_t n_der, struct pcr_key *ret)
{
	static const uint8_t exponent[] = { 0x02, 0x03, 0x01, 0x00, 0x01 };
	const size_t around = HEAD_BYTES + sizeof(exponent);
	size_t n = n_der > around ? n_der - around : 0;
	uint8_t head[HEAD_BYTES];

	if (n != 256 && n != 384 && n != 512)
		return false;
	make_head(n, head);
	if (memcmp(p, head, HEAD_BYTES) != 0 || !(p[HEAD_BYTES] & 0x80) ||
	    memcmp(p + HEAD_BYTES + n, exponent, sizeof(exponent)) != 0)
		return false;
	ret->n = n;
	memcpy(ret->modulus, p + HEAD_BYTES, n);
	return mbedtls_sha256(p + RSA_AT, n_der - RSA_AT, ret->fingerprint, 0) == 0;
}

int pcr_key_parse(struct bytes pem, struct pcr_key *ret, struct err *e)
{
	SCOPED(mbedtls_pem_free) mbedtls_pem_context c;
	char text[PCR_KEY_MAX_PEM + 1];
	const uint8_t *der;
	struct pcr_key k;
	size_t n;

	mbedtls_pem_init(&c);
	if (pem.n > PCR_KEY_MAX_PEM)
		return err_set(e, ERR_UNSUPPORTED, 0, "the PCR public key has more than %d bytes",
			       PCR_KEY_MAX_PEM);
	memcpy(text, pem.p, pem.n);
	text[pem.n] = '\0';
	if (mbedtls_pem_read_buffer(&c, "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----",
				    (const uint8_t *)text, NULL, 0, &n) != 0)
		mbedtls_pem_free(&c);
	der = mbedtls_pem_get_buffer(&c, &n);
	if (!der || !take_der(der, n, &k))
		return err_set(e, ERR_UNSUPPORTED, 0,
			       "the PCR public key is no RSA key of 2048, 3072 or 4096 bits in PEM");
	*ret = k;
	return 0;
}

size_t pcr_key_public(const struct pcr_key *k, uint8_t ret[static PCR_KEY_MAX_PUBLIC])
{
	const uint8_t head[] = {
		0, 0x01, 0, 0x0b,         /* RSA, named by SHA-256 */
		0, 0x06, 0, 0x40, 0, 0,   /* verifies and encrypts; no policy */
		0, 0x10, 0, 0x10,         /* no cipher, any scheme */
		(uint8_t)(k->n >> 5), 0,  /* bits */
		0, 1, 0, 1,               /* exponent */
		(uint8_t)(k->n >> 8), (uint8_t)k->n,
	};

	memcpy(ret, head, sizeof(head));
	memcpy(ret + sizeof(head), k->modulus, k->n);
	return sizeof(head) + k->n;
}

int pcr_policy(uint16_t tpm_id, struct bytes value, uint8_t ret[static PCR_DIGEST_BYTES],
	       struct err *e)
{
	uint8_t text[PCR_DIGEST_BYTES + 14 + PCR_DIGEST_BYTES] = {
		[PCR_DIGEST_BYTES] = 0, 0, 0x01, 0x7f,                /* TPM2_PolicyPCR */
		0, 0, 0, 1, (uint8_t)(tpm_id >> 8), (uint8_t)tpm_id,  /* one bank */
		3, 0, 1 << (PHASE_PCR - 8), 0,
	};

	if (mbedtls_sha256(value.p, value.n, text + PCR_DIGEST_BYTES + 14, 0) != 0 ||
	    mbedtls_sha256(text, sizeof(text), ret, 0) != 0)
		return err_set(e, ERR_SYSTEM, 0, "compute the digest of a policy");
	return 0;
}

/* ---- signatures ---- */

static void json_drop(struct json_object **o)
{
	json_object_put(*o);
}

static void tokener_drop(struct json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

/* NULL if there is no such text. */
static const char *text_of(struct json_object *entry, const char *key)
{
	struct json_object *o;

	if (!json_object_object_get_ex(entry, key, &o) || !json_object_is_type(o, json_type_string))
		return NULL;
	return json_object_get_string(o);
}

static bool is_hex_of(const char *text, const uint8_t digest[static PCR_DIGEST_BYTES])
{
	uint8_t bytes[PCR_DIGEST_BYTES];

	return text && hex_decode(text, bytes, sizeof(bytes)) == PCR_DIGEST_BYTES &&
	       memcmp(bytes, digest, PCR_DIGEST_BYTES) == 0;
}

/* Which PCRs it is about need not be asked: those are in the policy. */
static bool is_wanted(struct json_object *entry, const struct pcr_key *k,
		      const uint8_t policy[static PCR_DIGEST_BYTES], const char *ref)
{
	const char *its_ref = text_of(entry, "ref");

	return its_ref && strcmp(its_ref, ref) == 0 && is_hex_of(text_of(entry, "pol"), policy) &&
	       is_hex_of(text_of(entry, "pkfp"), k->fingerprint);
}

int pcr_signature_find(struct bytes json, const struct pcr_key *k, const char *bank,
		       const uint8_t policy[static PCR_DIGEST_BYTES], const char *ref,
		       uint8_t ret[static PCR_KEY_MAX_BYTES], struct err *e)
{
	SCOPED(tokener_drop) struct json_tokener *tokener = json_tokener_new_ex(MAX_DEPTH);
	SCOPED(json_drop) struct json_object *all = NULL;
	struct json_object *list;

	if (!tokener)
		return err_set(e, ERR_MEMORY, 0, "no memory to parse PCR signatures");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	if (json.n && json.n <= PCR_SIGNATURES_MAX_BYTES)
		all = json_tokener_parse_ex(tokener, (const char *)json.p, (int)json.n);
	if (!json_object_is_type(all, json_type_object))
		return err_set(e, ERR_UNSUPPORTED, 0, "the PCR signatures are no JSON object of at most %d KiB",
			       PCR_SIGNATURES_MAX_BYTES / 1024);
	if (!json_object_object_get_ex(all, bank, &list) || !json_object_is_type(list, json_type_array))
		return err_set(e, ERR_UNSUPPORTED, 0, "there are no PCR signatures for bank '%s'", bank);
	for (size_t i = 0; i < json_object_array_length(list) && i < MAX_SIGNATURES; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		const char *text;

		if (!json_object_is_type(entry, json_type_object) || !is_wanted(entry, k, policy, ref))
			continue;
		text = text_of(entry, "sig");
		if (text && base64_decode(text, ret, k->n) == (int)k->n)
			return 0;
	}
	return err_set(e, ERR_UNSUPPORTED, 0,
		       "no PCR signature with the reference '%s' is for this phase of this image (%s)",
		       ref, bank);
}
