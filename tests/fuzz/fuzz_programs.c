/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "mkinitrd/bzimage.h"
#include "mkinitrd/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char version[KERNEL_VERSION_BYTES];

	elf_objection((struct bytes){ data, size });
	if (bzimage_version((struct bytes){ data, size }, version) &&
	    (!*version || strchr(version, '/') || *version == '.'))
		abort();
	return 0;
}
