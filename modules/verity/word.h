/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* word.h - how a verity device is called in the measurements. Pure.
 * Spec: systemd 260, NvPCR "verity". */
#pragma once

#include <stddef.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

enum { VERITY_WORD_BYTES = 2048 };

/* Writes "verity:NAME:ROOTHASH:", and behind it who signed, if the kernel checked the signature
 * (PKCS#7 in DER; empty if it did not): SERIAL/ISSUER for each, in hex and base64 of their DER.
 * The name has no colon. Errors: ERR_SIGNATURE_MALFORMED, also if it is too long; ERR_MEMORY. */
int verity_word(const char *name, const char *root_hash, struct bytes signature,
		char ret[static VERITY_WORD_BYTES], struct err *e);
