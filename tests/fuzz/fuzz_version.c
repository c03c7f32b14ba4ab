/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Three versions, one a line: the order must be one. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "init/core/version.h"

enum { MAX_BYTES = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char text[MAX_BYTES + 1], *at = text;
	const char *v[3];

	if (n > MAX_BYTES)
		return 0;
	memcpy(text, data, n);
	text[n] = '\0';
	for (int i = 0; i < 3; i++) {
		v[i] = at ? at : "";
		strsep(&at, "\n");
	}
	for (int i = 0; i < 3; i++) {
		assert(version_compare(v[i], v[i]) == 0);
		for (int j = 0; j < 3; j++) {
			assert(version_compare(v[i], v[j]) == -version_compare(v[j], v[i]));
			for (int k = 0; k < 3; k++) {
				int ij = version_compare(v[i], v[j]),
				    jk = version_compare(v[j], v[k]);

				/* Neither rises nor falls on the way: so it must not overall. */
				if (ij <= 0 && jk <= 0)
					assert(version_compare(v[i], v[k]) <= 0);
				if (ij == 0 && jk == 0)
					assert(version_compare(v[i], v[k]) == 0);
			}
		}
	}
	return 0;
}
