/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cmdline c;
	struct options o;
	struct err e;

	if (cmdline_parse((const char *)data, size, &c, &e) < 0)
		return 0;
	options_parse(&c, &o, &e);
	cmdline_done(&c);
	return 0;
}
