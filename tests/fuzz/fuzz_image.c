/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parts, compressed and not. The archives in them: fuzz_archive. */
#include <stdlib.h>

#include "mkinitrd/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image i = { 0 };
	struct err e;

	if (image_parse((struct bytes){ data, size }, &i, &e) == 0 && !i.archive.n)
		abort();
	image_done(&i);
	return 0;
}
