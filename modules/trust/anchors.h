/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* anchors.h - the certificates of the measured initrd, and nothing else.
 *
 * *.crt (PEM) in verity.d below /etc, /run, /usr/local/lib, /usr/lib; a name in an
 * earlier folder masks the later one, an empty file or a link to /dev/null masks
 * it away. Loaded once, before anything is merged over the initrd. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/bytes.h"
#include "init/core/digests.h"
#include "init/core/err.h"
#include "modules/trust/expired.h"

struct anchors; /* immutable once loaded */

enum {
	FINGERPRINT_BYTES = 32, /* SHA-256 of the DER certificate */
	ANCHOR_MAX_BYTES = 64 * 1024, /* of one file */
};

/* root is prefixed to every path ("" for /). Certificates whose fingerprint is in denied (NULL:
 * none) are kept to recognise what they signed, and to refuse it. A file that is no certificate, or
 * whose key is weak (RSA < 2048, other curves than P-256/384/521), is an error:
 * ERR_CERTIFICATE names it. A *.pem file there is warned about. Release with
 * anchors_free(). */
int anchors_load(const char *root, const struct digests *denied, struct anchors **ret,
		 struct err *e);
void anchors_free(struct anchors *a);

/* Whether anchors_load() takes a file with this text (a NUL follows it) unless it is empty.
 * Pure. Errors: ERR_CERTIFICATE. */
int anchors_check(const char *text, size_t n, const char *path, struct err *e);

/* With those that are denied: what an initrd asks for must not change with them. None without any
 * anchors (NULL). */
size_t anchors_count(const struct anchors *a);

/* Those that had expired by the machine's clock when they were loaded, but for denied ones. They
 * count all the same. Owned by a. */
const struct expired *anchors_expired(const struct anchors *a);

/* Are fingerprints denied? Then a signature counts only if one of these certificates made it:
 * nothing else says who its signer is. */
bool anchors_deny(const struct anchors *a);

/* Adds the certificates to the kernel's .dm-verity keyring and restricts it; a
 * kernel without one is fine (returns 0; 1 if it was there and is sealed now). */
int anchors_seal_kernel(const struct anchors *a, struct err *e);

struct signer {
	uint8_t fingerprint[FINGERPRINT_BYTES];
	/* The kernel, too, may trust the signature: it holds the signer's key, or that of one who
	 * issued a certificate that the signature carries. */
	bool known_to_kernel;
};

/* Verifies a detached PKCS#7 signature (DER) over content against exactly these
 * certificates as signers: one signer, no chain, no dates (there is no trusted
 * clock), digest SHA-256 or better. Asks /proc/keys what the kernel knows. The key of a denied
 * certificate has signed nothing, also where another certificate has the same key.
 * Errors: ERR_SIGNATURE_MALFORMED, ERR_SIGNATURE_UNTRUSTED, ERR_DENIED. */
int anchors_verify(const struct anchors *a, struct bytes der, struct bytes content,
		   struct signer *ret, struct err *e);
