/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c;
	struct err e;

	config_parse((const char *)data, size, &c, &e);
	return 0;
}
