/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pkcs7.h - detached PKCS#7 signatures, checked with mbedTLS. Pure.
 * Spec: RFC 2315. Trust: the signature is hostile, the certificates are ours. */
#pragma once

#include <mbedtls/x509_crt.h>
#include <stdbool.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

struct pkcs7_signer {
	const mbedtls_x509_crt *certificate; /* of the list that was given */
	/* The signature carries a certificate that another one issued: whoever trusts that one
	 * may accept the signature, too. */
	bool has_issuer;
};

/* Requires one detached signature over content, made by the key of one certificate
 * of the list with SHA-256, SHA-384 or SHA-512. The certificate that the signature
 * may carry is ignored but for ret->has_issuer.
 * Errors: ERR_SIGNATURE_MALFORMED, ERR_SIGNATURE_UNTRUSTED, ERR_MEMORY. */
int pkcs7_verify(struct bytes der, struct bytes content, const mbedtls_x509_crt *certificates,
		 struct pkcs7_signer *ret, struct err *e);

/* Writes SERIAL/ISSUER of each signer, joined by commas: the serial number in hex, the issuer in
 * base64, both of their DER. Checks nothing. Errors: ERR_SIGNATURE_MALFORMED, also if there is
 * none, or max bytes do not suffice; ERR_MEMORY. */
int pkcs7_signers(struct bytes der, char *ret, size_t max, struct err *e);
