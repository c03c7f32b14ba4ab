/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "mkinitrd/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct archive a = { 0 };
	size_t used = 0;
	struct err e;

	if (archive_parse((struct bytes){ data, size }, &a, &used, &e) == 0) {
		if (used > size || (used < size && data[used] == 0))
			abort();
		for (size_t i = 0; i < a.n; i++) {
			struct bytes b = a.entries[i].data;
			size_t n = strlen(a.entries[i].path);

			if (n == 0 || n >= 4096 || b.p < data || b.n > (size_t)(data + size - b.p))
				abort();
		}
	}
	archive_done(&a);
	return 0;
}
