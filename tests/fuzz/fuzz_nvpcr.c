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

/* A NUL follows the text. */
static void take_key(struct bytes text)
{
	char *copy = malloc(text.n + 1);
	struct pcr_key k;
	struct err e;

	if (!copy)
		return;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	if (pcr_key_parse((struct bytes){ (const uint8_t *)copy, text.n }, &k, &e) == 0 && k.public[1] != 1)
		abort();
	free(copy);
}

static void take_signatures(struct bytes text)
{
	static const uint8_t policy[PCR_DIGEST_BYTES];
	static const struct pcr_key k;
	uint8_t signature[PCR_KEY_BYTES];
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
