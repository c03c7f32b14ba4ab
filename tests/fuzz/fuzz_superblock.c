/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "modules/verity/superblock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t data_bytes = UINT64_C(1) << 40, hash_bytes = UINT64_C(1) << 34;
	struct verity_info v;
	struct err e;

	if (verity_superblock_parse(data, size, data_bytes, hash_bytes, &v, &e) < 0)
		return 0;
	if (!v.n_data_blocks || v.n_data_blocks > data_bytes / v.data_block_bytes ||
	    v.salt_bytes > sizeof(v.salt))
		abort();
	return 0;
}
