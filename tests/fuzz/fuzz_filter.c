/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A filter, then, after the first NUL, a label, or what the kernel says of its lockdown. */
#include <stdlib.h>
#include <string.h>

#include "modules/inputs/lockdown.h"
#include "modules/trust/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 2);
	const char *label;
	enum lockdown level;
	struct filter f;
	struct err e;

	if (!text)
		return 0;
	memcpy(text, data, size);
	label = text + strlen(text) + (strlen(text) < size);
	if (filter_parse(text, &f, &e) == 0)
		for (int d = 0; d < POLICY_N_DESIGNATORS; d++)
			filter_matches(&f, (enum policy_designator)d, label);
	lockdown_parse_state(label, &level);
	free(text);
	return 0;
}
