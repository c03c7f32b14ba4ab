/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "mkinitrd/pe.h"

static void must_lie_in(const struct pe *pe, struct bytes part)
{
	if (part.p < pe->file.p || part.n > (size_t)(pe->file.p + pe->file.n - part.p))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes ranges[PE_MAX_RANGES], part;
	struct err e;
	struct pe pe;
	size_t n;

	if (pe_parse(data, size, &pe, &e) < 0)
		return 0;
	n = pe_authenticode(&pe, ranges);
	if (n > PE_MAX_RANGES)
		abort();
	for (size_t i = 0; i < n; i++)
		must_lie_in(&pe, ranges[i]);
	for (size_t i = 0; i < pe.n_sections; i++) {
		if (pe_content(&pe, &pe.sections[i], &part, &e) == 0 && part.n)
			must_lie_in(&pe, part);
		if (pe_section(pe.file, pe.sections[i].name, &part, &e) == 1 && part.n)
			must_lie_in(&pe, part);
		pe_find_default(&pe, pe.sections[i].name);
	}
	return 0;
}
