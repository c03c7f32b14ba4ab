/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* public.h - the public part of a TPM's key as text. Pure.
 * Spec: TPM 2.0 part 2, TPM2B_PUBLIC; RFC 5280, SubjectPublicKeyInfo; RFC 7468. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"

enum { PUBLIC_MAX_BYTES = 640, PUBLIC_MAX_PEM = 1024 };

/* Writes the PEM text, with its NUL, of a storage key in exactly n bytes of TPM2B_PUBLIC: RSA
 * of 2048 to 4096 bits, P-256 or P-384. Errors: ERR_UNSUPPORTED. */
int public_to_pem(const uint8_t *p, size_t n, char ret[static PUBLIC_MAX_PEM], struct err *e);
