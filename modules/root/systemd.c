/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* memmem */
#include "modules/root/systemd.h"

#include <string.h>

enum { MAX_DIGITS = 4 };

/* The number at the start, which something follows; 0 is none. */
static unsigned number(struct bytes b)
{
	unsigned n = 0;
	size_t at = 0;

	for (; at < b.n && at <= MAX_DIGITS && b.p[at] >= '0' && b.p[at] <= '9'; at++)
		n = n * 10 + (unsigned)(b.p[at] - '0');
	return at < b.n && at <= MAX_DIGITS ? n : 0;
}

/* The name is looked for in all of the file: where its tables are does not matter. */
unsigned systemd_version_of(struct bytes program)
{
	static const char library[] = "libsystemd-shared-";
	static const size_t n = sizeof(library) - 1;
	unsigned version = 0;
	const uint8_t *at;

	while ((at = memmem(program.p, program.n, library, n))) {
		const size_t used = (size_t)(at - program.p) + n;
		unsigned found;

		program = (struct bytes){ program.p + used, program.n - used };
		found = number(program);
		if (!found || (version && version != found))
			return 0;
		version = found;
	}
	return version;
}
