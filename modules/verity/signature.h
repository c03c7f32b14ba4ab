/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* signature.h - the verity signature partition.
 * Spec: UAPI.2 "Verity signature partition". Trust: input is hostile. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"
#include "modules/verity/superblock.h"

enum {
	SIGNATURE_MAX_BYTES = 4 * 1024 * 1024, /* of the partition */
	SIGNATURE_MAX_DER_BYTES = 64 * 1024,
};

struct verity_signature {
	uint8_t root_hash[VERITY_MAX_HASH_BYTES];
	size_t root_hash_bytes; /* 16 to 64 */
	char root_hash_text[2 * VERITY_MAX_HASH_BYTES + 1]; /* lower case: what is signed */
	uint8_t *der; /* PKCS#7; owned */
	size_t der_bytes;
};

/* Parses the partition's bytes: one JSON object, then only NUL. Duplicate keys,
 * upper-case hash text, deep nesting, text after the object are refused; unknown
 * keys are ignored. On success the caller calls verity_signature_done().
 * Errors: ERR_SIGNATURE_MALFORMED, ERR_MEMORY. */
int verity_signature_parse(const uint8_t *p, size_t n, struct verity_signature *ret, struct err *e);

void verity_signature_done(struct verity_signature *s);
