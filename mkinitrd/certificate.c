/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/certificate.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <mbedtls/x509_crt.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"

enum { MAX_CERTIFICATE = 65536 };

static int check(const char *text, size_t n, const char *source, struct err *e)
{
	SCOPED(mbedtls_x509_crt_free) mbedtls_x509_crt c;
	int rc;

	mbedtls_x509_crt_init(&c);
	if (strstr(text, "PRIVATE KEY-----"))
		return err_set(e, ERR_CERTIFICATE, 0,
			       "'%.200s' holds a private key, which must not be published; give "
			       "the certificate alone",
			       source);
	if (strlen(text) != n || !strstr(text, "-----BEGIN CERTIFICATE-----"))
		return err_set(e, ERR_CERTIFICATE, 0,
			       "'%.200s' is no certificate in PEM form; openssl x509 -inform DER "
			       "converts one",
			       source);
	/* The parser wants the NUL, which file_read() has put there. */
	rc = mbedtls_x509_crt_parse(&c, (const unsigned char *)text, n + 1);
	if (rc)
		return err_set(e, ERR_CERTIFICATE, 0,
			       "the certificate in '%.200s' cannot be read (-0x%04x)", source,
			       (unsigned)-rc);
	if (c.next)
		return err_set(e, ERR_CERTIFICATE, 0,
			       "'%.200s' holds several certificates; give each trusted one in a "
			       "file of its own",
			       source);
	return 0;
}

static size_t stem(const char *name)
{
	static const char *const suffixes[] = { ".crt", ".pem", ".cer" };
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++)
		if (n > 4 && strcmp(name + n - 4, suffixes[i]) == 0)
			return n - 4;
	return n;
}

int certificate_add(struct initrd *i, const char *source, struct err *e)
{
	const char *slash = strrchr(source, '/'), *name = slash ? slash + 1 : source;
	SCOPED(mem_free) char *text = NULL;
	char path[PATH_MAX];
	size_t n;
	int rc = file_read(AT_FDCWD, source, MAX_CERTIFICATE, &text, &n, e);

	if (rc == 0)
		rc = check(text, n, source, e);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "usr/lib/verity.d/%.*s.crt", (int)stem(name), name);
	return initrd_add_text(i, path, text, "--cert", e);
}
