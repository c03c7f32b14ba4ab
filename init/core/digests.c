/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/core/digests.h"

#include <string.h>

bool digests_add(struct digests *list, const char *hex, size_t min, size_t max)
{
	struct digest *d;
	int n;

	if (list->n == DIGESTS_MAX || max > DIGEST_MAX_BYTES)
		return false;
	d = &list->at[list->n];
	n = hex_decode(hex, d->bytes, max);
	if (n < 0 || (size_t)n < min)
		return false;
	d->n_bytes = (uint8_t)n;
	list->n++;
	return true;
}

bool digests_have(const struct digests *list, struct bytes digest)
{
	for (size_t i = 0; list && i < list->n; i++)
		if (list->at[i].n_bytes == digest.n &&
		    memcmp(list->at[i].bytes, digest.p, digest.n) == 0)
			return true;
	return false;
}
