/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>

#include "hooks/declaration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct declaration d;
	struct err e;

	declaration_parse((const char *)data, size, "fuzz", &d, &e);
	return 0;
}
