/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "modules/root/fstab.h"

static void judge(const struct fstab_entry *entry)
{
	char where[FSTAB_PATH_BYTES], options[FSTAB_OPTIONS_BYTES];
	struct fstab_source s = fstab_source(entry);

	fstab_options(entry, options);
	if (fstab_place(entry->where, where) != FSTAB_PLACE_NEVER &&
	    (*where != '/' || strstr(where, "//") || strstr(where, "/../")))
		abort();
	if ((s.by == FSTAB_BY_UUID || s.by == FSTAB_BY_LABEL) && !*s.value)
		abort();
}

/* The fstab of a root, which nothing may have proven. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *text = malloc(n + 1);
	struct fstab f = { .text = text };
	struct fstab_entry entry;
	enum fstab_result rc;

	if (!text)
		return 0;
	memcpy(text, p, n);
	text[n] = '\0';
	while ((rc = fstab_next(&f, &entry)) != FSTAB_END) {
		if (f.line > n + 1)
			abort();
		if (rc == FSTAB_ENTRY)
			judge(&entry);
		if (rc == FSTAB_ENTRY && fstab_is_for_initrd(&entry) && strcmp(entry.where, "/") == 0)
			abort();
	}
	free(text);
	return 0;
}
