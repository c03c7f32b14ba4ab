/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "modules/trust/pkcs7.h"

/* tests/data/trust/p256.crt, whose signatures are among the seeds. */
static const char certificate[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBjjCCATWgAwIBAgIUHykNr9BTZpi7HssTWJL/b/wWDdUwCgYIKoZIzj0EAwIw\n"
	"HDEaMBgGA1UEAwwRc2xpcHdheSB0ZXN0IHAyNTYwIBcNMjYxMTIzMjE1NjE4WhgP\n"
	"MjEyNjEwMzAyMTU2MThaMBwxGjAYBgNVBAMMEXNsaXB3YXkgdGVzdCBwMjU2MFkw\n"
	"EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsmXOVW369yrtlUBWYcLBpqUloO16XITr\n"
	"8eZLKLI/Au+eYGtik04INWAcgudkh8IY6vZaYPycA3W36WJ6g+7QRKNTMFEwHQYD\n"
	"VR0OBBYEFN9/IAUiQCxTqFWWI+zpv8Huri0lMB8GA1UdIwQYMBaAFN9/IAUiQCxT\n"
	"qFWWI+zpv8Huri0lMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIg\n"
	"VjTUM1wJB711yLUaIN87+jMjHSSaBTk/nKanL314dgoCICW3OmvuXK/jNJ6GOoNX\n"
	"nfFXhU5v2SuTzP4sSPT4hpp7\n"
	"-----END CERTIFICATE-----\n";

/* Into room by the last byte, which belongs to the signature itself: the less, the higher it is. */
static void print_signers(struct bytes der)
{
	size_t max = 512 - (der.n ? 2u * der.p[der.n - 1] : 0);
	char *text = malloc(max);
	struct err e;

	if (!text)
		return;
	if (pkcs7_signers(der, text, max, &e) == 0 && strnlen(text, max) == max)
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char content[] = "c0ffee00112233445566778899aabbccddeeff00112233445566778899aabbcc";
	struct pkcs7_signer signer;
	mbedtls_x509_crt anchor;
	struct err e;

	mbedtls_x509_crt_init(&anchor);
	if (mbedtls_x509_crt_parse(&anchor, (const unsigned char *)certificate, sizeof(certificate)) != 0)
		__builtin_trap();
	(void)!pkcs7_verify((struct bytes){ data, size },
			    (struct bytes){ (const uint8_t *)content, strlen(content) }, &anchor, &signer, &e);
	mbedtls_x509_crt_free(&anchor);
	print_signers((struct bytes){ data, size });
	return 0;
}
