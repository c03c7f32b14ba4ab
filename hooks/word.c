/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hooks/word.h"

#include <mbedtls/sha256.h>
#include <stdio.h>

int hook_digest(struct bytes content, char ret[static HOOK_DIGEST_BYTES], struct err *e)
{
	uint8_t sum[32];

	if (mbedtls_sha256(content.p, content.n, sum, 0) != 0)
		return err_set(e, ERR_SYSTEM, 0, "compute a digest");
	hex_encode(sum, sizeof(sum), ret);
	return 0;
}

void hook_word(enum hook_point point, const char *name, const char *program,
	       const char *declaration, char ret[static HOOK_WORD_BYTES])
{
	snprintf(ret, HOOK_WORD_BYTES, "slipway-hook:%s:%s:%s:%s", hook_point_name(point), name,
		 program, declaration);
}
