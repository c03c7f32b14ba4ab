/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of mbedTLS is compiled: PKCS#7 and X.509 for signed root hashes, and what libcryptsetup
 * and the TPM library ask of their crypto backend. It replaces mbedtls/mbedtls_config.h.
 */
#ifndef SLIPWAY_MBEDTLS_CONFIG_H
#define SLIPWAY_MBEDTLS_CONFIG_H

/* No MBEDTLS_HAVE_TIME_DATE: an initrd has no trustworthy clock, so validity dates mean nothing. */
#define MBEDTLS_HAVE_ASM
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_FS_IO
#define MBEDTLS_VERSION_C

/* SHA-1 is for the TPM's SHA-1 bank and for old LUKS headers; nothing trusts a signature over it. */
#define MBEDTLS_MD_C
#define MBEDTLS_SHA1_C
#define MBEDTLS_SHA224_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C

/* CFB: parameter encryption of TPM sessions. GCM: sealed credentials. CCM: libcryptsetup names it. */
#define MBEDTLS_AES_C
#define MBEDTLS_AES_FEWER_TABLES
#define MBEDTLS_AESNI_C
#define MBEDTLS_CIPHER_C
#define MBEDTLS_CIPHER_MODE_CBC
#define MBEDTLS_CIPHER_MODE_CFB
#define MBEDTLS_CIPHER_MODE_CTR
#define MBEDTLS_CIPHER_MODE_XTS
#define MBEDTLS_CCM_C
#define MBEDTLS_GCM_C

#define MBEDTLS_ENTROPY_C
#define MBEDTLS_CTR_DRBG_C

#define MBEDTLS_PKCS5_C
#define MBEDTLS_HKDF_C

/* PKCS1_V21: OAEP, to salt a TPM session with an RSA storage root key. */
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_RSA_C
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_PKCS1_V21
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
#define MBEDTLS_ECP_DP_SECP521R1_ENABLED
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C

#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_BASE64_C
#define MBEDTLS_OID_C
#define MBEDTLS_PEM_PARSE_C
#define MBEDTLS_PEM_WRITE_C
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_PK_WRITE_C
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_CRL_PARSE_C
#define MBEDTLS_PKCS7_C

#endif
