/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct build_options o = { 0 };
	struct err e;

	if (settings_add_text(&o.settings, "mkinitrd.conf", (const char *)data, size, &e) == 0)
		(void)build_options_apply(&o, &e);
	build_options_done(&o);
	return 0;
}
