/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* luks_header.h - one copy of a LUKS2 header around a JSON text, without its checksum. */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LUKS_TEST_BYTES = 16384, LUKS_TEST_JSON = LUKS_TEST_BYTES - 4096 };

static inline void luks_put64(uint8_t *p, uint64_t n)
{
	for (int i = 8; i-- > 0; n >>= 8)
		p[i] = (uint8_t)n;
}

/* At most LUKS_TEST_JSON bytes of text. */
static inline void luks_make(uint8_t ret[static LUKS_TEST_BYTES], uint64_t at, const void *json, size_t n)
{
	memset(ret, 0, LUKS_TEST_BYTES);
	memcpy(ret, at ? "SKUL\xba\xbe\0\x02" : "LUKS\xba\xbe\0\x02", 8);
	luks_put64(ret + 8, LUKS_TEST_BYTES);
	luks_put64(ret + 256, at);
	memcpy(ret + 4096, json, n);
}
