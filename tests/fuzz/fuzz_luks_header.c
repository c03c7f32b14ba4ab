/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/luks/header.h"
#include "tests/unit/luks_header.h"

enum { PARTITION = 64 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t copy[LUKS_TEST_BYTES];
	struct luks_header h;
	struct err e;

	luks_make(copy, 0, data, size < LUKS_TEST_JSON ? size : LUKS_TEST_JSON);
	if (luks_header_parse((struct bytes){ copy, sizeof(copy) }, 0, PARTITION, &h, &e) < 0)
		return 0;
	if (h.data_at >= PARTITION || !h.n_areas || h.n_areas > LUKS_MAX_SLOTS)
		abort();
	for (size_t i = 0; i < h.n_areas; i++)
		if (h.areas[i].at < LUKS_TEST_BYTES || h.areas[i].at + h.areas[i].n_bytes > h.data_at)
			abort();
	return 0;
}
