/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "mkinitrd/elf.h"

static void inside(struct bytes outer, const void *p, size_t n)
{
	const uint8_t *at = p;

	if (at < outer.p || at > outer.p + outer.n || n > (size_t)(outer.p + outer.n - at))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes file = { data, size }, section, text;
	const char *value;

	if (elf_section(data, size, ".modinfo", &section)) {
		inside(file, section.p, section.n);
		value = elf_modinfo(section, "license");
		if (value)
			inside(section, value, strlen(value) + 1);
	}
	if (elf_section(data, size, ".note.package", &section) && elf_package_note(section, &text))
		inside(section, text.p, text.n);
	return 0;
}
