/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "init/core/text.h"
#include "modules/inputs/last_failure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct last_failure f;
	struct err e;

	if (last_failure_parse(data, size, &f, &e) < 0)
		return 0;
	if (!*f.code || !*f.stage || !*f.what || !f.count || f.count > FAILURE_LIMIT_MAX)
		abort();
	for (const char *at = f.what; *at; at += text_character(at))
		if (!text_character(at))
			abort();
	return 0;
}
