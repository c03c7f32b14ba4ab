/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "mkinitrd/pe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes section;
	struct err e;

	if (pe_section((struct bytes){ data, size }, ".initrd", &section, &e) == 1 &&
	    (section.p < data || section.n > (size_t)(data + size - section.p)))
		abort();
	return 0;
}
