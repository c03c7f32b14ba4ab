/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "modules/luks/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct token t;
	struct err e;

	if (token_parse((struct bytes){ data, size }, &t, &e) < 0)
		return 0;
	if (t.kind != TOKEN_OTHER && t.keyslot >= TOKEN_MAX_KEYSLOTS)
		abort();
	if (t.kind != TOKEN_TPM2)
		return 0;
	if (t.sealed.n_blobs < 1 || t.sealed.n_blobs > SEALED_MAX_SHARDS || t.sealed.pcrs >> 24 ||
	    t.sealed.signed_pcrs >> 24 || t.sealed.n_salt > SEALED_MAX_SALT_BYTES ||
	    t.sealed.srk.n_name > SEALED_MAX_NAME_BYTES || (t.sealed.n_pem && strlen(t.sealed.pem) + 1 != t.sealed.n_pem))
		abort();
	return 0;
}
