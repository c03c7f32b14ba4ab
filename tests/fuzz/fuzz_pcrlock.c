/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "modules/tpm/pcrlock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pcrlock p;
	struct err e;

	if (pcrlock_parse((struct bytes){ data, size }, &p, &e) < 0)
		return 0;
	if (p.index >> 24 != 1 || !p.n_digest || p.n_digest > TPM_MAX_DIGEST_BYTES)
		abort();
	for (unsigned pcr = 0; pcr < TPM_N_PCRS; pcr++)
		if (p.pcrs[pcr].n > PCRLOCK_MAX_VALUES)
			abort();
	return 0;
}
