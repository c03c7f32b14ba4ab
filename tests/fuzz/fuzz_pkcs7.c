/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "modules/trust/pkcs7.h"

/* tests/data/trust/p256.crt, whose signatures are among the seeds. */
static const char certificate[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBjzCCATWgAwIBAgIUcSKudlqu1JGxQ2Zy/TraPhWJIWAwCgYIKoZIzj0EAwIw\n"
	"HDEaMBgGA1UEAwwRc2xpcHdheSB0ZXN0IHAyNTYwIBcNMjYxMTIzMjE0NDM1WhgP\n"
	"MjEyNjEwMzAyMTQ0MzVaMBwxGjAYBgNVBAMMEXNsaXB3YXkgdGVzdCBwMjU2MFkw\n"
	"EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE402bt6nWWfYIgZV6zygthTDuJ4bGv+wa\n"
	"pRNjAMM63YnWg86vp7/39bWTPIwLgkfRtcDHQNm1EW4bWRwPn7T9A6NTMFEwHQYD\n"
	"VR0OBBYEFMmvnSrumk3dTW1I0Oe3xlfGPJ+4MB8GA1UdIwQYMBaAFMmvnSrumk3d\n"
	"TW1I0Oe3xlfGPJ+4MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIg\n"
	"Z/uZrpS8Ev40Gdt6v6QcKUNQsK4KQ6A7HioRjUp1tKoCIQC3koTZwO0obsm2oPZE\n"
	"+AWZPwDzbsJm98X0FZaLTLm1Rw==\n"
	"-----END CERTIFICATE-----\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char content[] = "c0ffee00112233445566778899aabbccddeeff00112233445566778899aabbcc";
	const mbedtls_x509_crt *signer;
	mbedtls_x509_crt anchor;
	struct err e;

	mbedtls_x509_crt_init(&anchor);
	if (mbedtls_x509_crt_parse(&anchor, (const unsigned char *)certificate, sizeof(certificate)) != 0)
		__builtin_trap();
	(void)!pkcs7_verify((struct bytes){ data, size },
			    (struct bytes){ (const uint8_t *)content, strlen(content) }, &anchor, &signer, &e);
	mbedtls_x509_crt_free(&anchor);
	return 0;
}
