/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "modules/root/options.h"

/* rootflags= of any file system with an option of its own. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *text = malloc(n + 1);
	struct root_options o;
	struct err e;

	if (!text)
		return 0;
	memcpy(text, p, n);
	text[n] = '\0';
	if (root_options_parse("btrfs", text, false, &o, &e) == 0 &&
	    ((o.flags & (MS_RDONLY | MS_NODEV)) != (MS_RDONLY | MS_NODEV) || strstr(o.data, ",device=") ||
	     strstr(o.data, ",x-") || strstr(o.data, ",X-")))
		abort();
	free(text);
	return 0;
}
