/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* By its first byte a definition, a public key, or signatures that a known key may have made. */
#include <stdlib.h>
#include <string.h>

#include "modules/tpm/nvpcr.h"

static void take_definition(struct bytes text)
{
	struct nvpcr n;
	struct err e;

	if (nvpcr_parse(text, "verity", &n, &e) == 0 &&
	    (strcmp(n.name, "verity") != 0 || n.index >> 24 != 1))
		abort();
}

static void take_key(struct bytes text)
{
	uint8_t public[PCR_KEY_MAX_PUBLIC];
	struct pcr_key k;
	struct err e;

	if (pcr_key_parse(text, &k, &e) == 0 && pcr_key_public(&k, public) != k.n + 22)
		abort();
}

static void take_signatures(struct bytes text)
{
	static const uint8_t policy[PCR_DIGEST_BYTES];
	const struct pcr_key k = { .n = 256 };
	uint8_t signature[PCR_KEY_MAX_BYTES];
	struct err e;

	(void)!pcr_signature_find(text, &k, "sha256", policy, NVPCR_REF, signature, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = { data + 1, size - 1 };

	if (!size)
		return 0;
	if (*data == 'd')
		take_definition(text);
	else if (*data == 'k')
		take_key(text);
	else
		take_signatures(text);
	return 0;
}
