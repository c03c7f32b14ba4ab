/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/certificate.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "mkinitrd/source.h"
#include "modules/trust/anchors.h"

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
	int rc = source_read(source, ANCHOR_MAX_BYTES, &text, &n, e);

	if (rc == 0 && strstr(text, "PRIVATE KEY-----"))
		return err_set(e, ERR_CERTIFICATE, 0,
			       "'%.200s' holds a private key, which must not be published; give "
			       "the certificate alone",
			       source);
	if (rc == 0)
		rc = anchors_check(text, n, source, e);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "usr/lib/verity.d/%.*s.crt", (int)stem(name), name);
	return initrd_add_text(i, path, text, "--cert", e);
}
