/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* expired.h - certificates whose last day is over. An initrd has only the machine's clock, for
 * which nobody vouches, and whoever sets it back or ahead must win nothing: so this is told to
 * people, and decides nothing. Spec: RFC 5280 4.1.2.5. */
#pragma once

#include <mbedtls/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"

struct expired_one {
	char path[320];
	char fingerprint[65]; /* hex */
	char valid_to[11];    /* YYYY-MM-DD, UTC */
};

struct expired {
	size_t n;
	struct expired_one *all; /* owned */
};

/* Is valid_to before this time, in seconds since 1970? Not if the clock is behind, however far. */
bool expired_by(const mbedtls_x509_time *valid_to, int64_t clock_s);

/* Adds one, of which fingerprint has 32 bytes. Errors: ERR_MEMORY. */
int expired_add(struct expired *x, const char *path, const uint8_t *fingerprint,
		const mbedtls_x509_time *valid_to, struct err *e);
void expired_done(struct expired *x);
