/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "modules/trust/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct policy p, floor;
	struct err e;

	memcpy(text, data, size);
	text[size] = '\0';
	if (policy_parse(text, &p, &e) == 0) {
		for (int d = 0; d < POLICY_N_DESIGNATORS; d++)
			if (!p.use[d])
				abort();
		if (policy_parse("root=signed:usr=signed+absent", &floor, &e) < 0)
			abort();
		if (policy_narrow(&p, &floor, &e) == 0 && p.use[POLICY_ROOT] != USE_SIGNED)
			abort();
	}
	free(text);
	return 0;
}
