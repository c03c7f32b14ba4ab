/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pkcs7.h - detached PKCS#7 signatures, checked with mbedTLS. Pure.
 * Spec: RFC 2315. Trust: the signature is hostile, the certificates are ours. */
#pragma once

#include <mbedtls/x509_crt.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

/* Requires one detached signature over content, made by the key of one certificate
 * of the list with SHA-256, SHA-384 or SHA-512. The certificate that the signature
 * may carry is ignored. *ret_signer points into the list.
 * Errors: ERR_SIGNATURE_MALFORMED, ERR_SIGNATURE_UNTRUSTED, ERR_MEMORY. */
int pkcs7_verify(struct bytes der, struct bytes content, const mbedtls_x509_crt *certificates,
		 const mbedtls_x509_crt **ret_signer, struct err *e);
