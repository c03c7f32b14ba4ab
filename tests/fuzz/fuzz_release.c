/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>
#include <stdint.h>

#include "modules/extension/release.h"

static const struct release initrd = { .id = "slipway", .id_like = "a b", .version_id = "1" };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct release r = { 0 };
	struct err e;

	if (release_parse((const char *)data, size, &r, &e) < 0)
		return 0;
	for (int i = 0; i < N_EXTENSION_CLASSES; i++)
		if (release_match(&r, &initrd, "initrd", &extension_classes[i], "fuzz", &e) < 0 &&
		    e.code != ERR_EXTENSION_MISMATCH)
			__builtin_trap();
	release_done(&r);
	return 0;
}
