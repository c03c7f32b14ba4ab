/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mkinitrd/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile p;
	struct err e;

	if (profile_parse("/a/list", (const char *)data, size, &p, &e) < 0)
		return 0;
	for (size_t i = 0; i < p.n; i++)
		if (!*p.rows[i].name || strlen(p.rows[i].name) > PROFILE_MAX_NAME)
			abort();
	profile_done(&p);
	return 0;
}
