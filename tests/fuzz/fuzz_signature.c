/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "modules/verity/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct verity_signature s;
	struct err e;

	if (verity_signature_parse(data, size, &s, &e) < 0)
		return 0;
	if (s.root_hash_bytes < 16 || strlen(s.root_hash_text) != 2 * s.root_hash_bytes || !s.der_bytes)
		abort();
	verity_signature_done(&s);
	return 0;
}
