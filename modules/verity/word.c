/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/verity/word.h"

#include <stdio.h>
#include <string.h>

#include "modules/trust/pkcs7.h"

int verity_word(const char *name, const char *root_hash, struct bytes signature,
		char ret[static VERITY_WORD_BYTES], struct err *e)
{
	int n = snprintf(ret, VERITY_WORD_BYTES, "verity:%s:%s:", name, root_hash);

	if (n >= VERITY_WORD_BYTES)
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0, "'%.100s' is too long a name", name);
	return signature.n ? pkcs7_signers(signature, ret + n, VERITY_WORD_BYTES - (size_t)n, e) : 0;
}
