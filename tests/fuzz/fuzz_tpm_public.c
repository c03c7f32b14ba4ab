/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "modules/tpm/public.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char begin[] = "-----BEGIN PUBLIC KEY-----\n";
	char pem[PUBLIC_MAX_PEM];
	struct err e;

	if (public_to_pem(data, size, pem, &e) < 0)
		return 0;
	if (strncmp(pem, begin, strlen(begin)) != 0 || size > PUBLIC_MAX_BYTES)
		abort();
	return 0;
}
