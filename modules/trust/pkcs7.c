/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/trust/pkcs7.h"

#include <mbedtls/base64.h>
#include <mbedtls/oid.h>
#include <mbedtls/pkcs7.h>
#include <string.h>

#include "init/core/cleanup.h"

/* What we sign is a page at most; the copy that the parser makes stays small too. */
enum { MAX_DER_BYTES = 64 * 1024 };

static int parse_any(struct bytes der, mbedtls_pkcs7 *pkcs7, struct err *e)
{
	int rc;

	if (!der.n || der.n > MAX_DER_BYTES)
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0, "PKCS#7 signature has '%zu' bytes",
			       der.n);
	rc = mbedtls_pkcs7_parse_der(pkcs7, der.p, der.n);
	if (rc == MBEDTLS_ERR_PKCS7_ALLOC_FAILED)
		return err_set(e, ERR_MEMORY, 0, "no memory to parse a signature");
	if (rc != MBEDTLS_PKCS7_SIGNED_DATA)
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0,
			       "PKCS#7 signature is no plain detached one (mbedTLS -0x%04x)", -rc);
	return 0;
}

static int parse(struct bytes der, mbedtls_pkcs7 *pkcs7, struct err *e)
{
	const mbedtls_pkcs7_signed_data *data = &pkcs7->MBEDTLS_PRIVATE(signed_data);
	mbedtls_md_type_t digest = MBEDTLS_MD_NONE;
	int rc = parse_any(der, pkcs7, e);

	if (rc < 0)
		return rc;
	/* With several the library is content if any of them verifies. */
	if (data->MBEDTLS_PRIVATE(no_of_signers) != 1)
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0,
			       "PKCS#7 signature has '%d' signers instead of one",
			       data->MBEDTLS_PRIVATE(no_of_signers));
	if (mbedtls_oid_get_md_alg(&data->MBEDTLS_PRIVATE(digest_alg_identifiers), &digest) != 0 ||
	    (digest != MBEDTLS_MD_SHA256 && digest != MBEDTLS_MD_SHA384 &&
	     digest != MBEDTLS_MD_SHA512))
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0,
			       "PKCS#7 signature's digest is not SHA-256, SHA-384 or SHA-512");
	return 0;
}

static bool has_issuer(const mbedtls_pkcs7 *pkcs7)
{
	const mbedtls_pkcs7_signed_data *data = &pkcs7->MBEDTLS_PRIVATE(signed_data);
	const mbedtls_x509_crt *c = &data->MBEDTLS_PRIVATE(certs);

	return data->MBEDTLS_PRIVATE(no_of_certs) &&
	       (c->issuer_raw.len != c->subject_raw.len ||
		memcmp(c->issuer_raw.p, c->subject_raw.p, c->issuer_raw.len) != 0);
}

int pkcs7_verify(struct bytes der, struct bytes content, const mbedtls_x509_crt *certificates,
		 struct pkcs7_signer *ret, struct err *e)
{
	SCOPED(mbedtls_pkcs7_free) mbedtls_pkcs7 pkcs7;
	int rc;

	mbedtls_pkcs7_init(&pkcs7);
	rc = parse(der, &pkcs7, e);
	if (rc < 0)
		return rc;
	for (const mbedtls_x509_crt *c = certificates; c && c->raw.p; c = c->next)
		if (mbedtls_pkcs7_signed_data_verify(&pkcs7, c, content.p, content.n) == 0) {
			*ret = (struct pkcs7_signer){ c, has_issuer(&pkcs7) };
			return 0;
		}
	return err_set(e, ERR_SIGNATURE_UNTRUSTED, 0,
		       "no certificate in 'verity.d' made this signature of this root hash");
}

/* Returns the number of characters, or -1 if they do not fit. The serial number has a head of two
 * bytes, as no certificate's is longer than 20. */
static int print_signer(const mbedtls_pkcs7_signer_info *signer, char *ret, size_t max)
{
	const mbedtls_x509_buf *serial = &signer->MBEDTLS_PRIVATE(serial);
	const mbedtls_x509_buf *issuer = &signer->MBEDTLS_PRIVATE(issuer_raw);
	size_t n = 2 * (2 + serial->len), written;
	const uint8_t head[] = { MBEDTLS_ASN1_INTEGER, (uint8_t)serial->len };

	if (serial->len > 127 || max < n + 2)
		return -1;
	hex_encode(head, sizeof(head), ret);
	hex_encode(serial->p, serial->len, ret + 4);
	ret[n++] = '/';
	if (mbedtls_base64_encode((uint8_t *)ret + n, max - n, &written, issuer->p, issuer->len) != 0)
		return -1;
	return (int)(n + written);
}

int pkcs7_signers(struct bytes der, char *ret, size_t max, struct err *e)
{
	SCOPED(mbedtls_pkcs7_free) mbedtls_pkcs7 pkcs7;
	const mbedtls_pkcs7_signer_info *signer;
	size_t n = 0;
	int rc;

	mbedtls_pkcs7_init(&pkcs7);
	rc = parse_any(der, &pkcs7, e);
	if (rc < 0)
		return rc;
	if (!pkcs7.MBEDTLS_PRIVATE(signed_data).MBEDTLS_PRIVATE(no_of_signers))
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0, "PKCS#7 signature has no signer");
	signer = &pkcs7.MBEDTLS_PRIVATE(signed_data).MBEDTLS_PRIVATE(signers);
	for (; signer; signer = signer->MBEDTLS_PRIVATE(next)) {
		int length = n + 1 < max ? print_signer(signer, ret + n + (n > 0), max - n - (n > 0)) : -1;

		if (length < 0)
			return err_set(e, ERR_SIGNATURE_MALFORMED, 0,
				       "the signers of a PKCS#7 signature have names that are too long");
		if (n)
			ret[n++] = ',';
		n += (size_t)length;
	}
	return 0;
}
