/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "modules/kernel/uevent.h"

/* Pointers must lie in the bytes and end in them: strlen runs into ASan else. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct uevent u;

	if (!uevent_parse(data, size, &u))
		return 0;
	if (strlen(u.action) + 1 + strlen(u.devpath) != strlen((const char *)data))
		abort();
	if (u.modalias && strlen(u.modalias) > size)
		abort();
	uevent_is_news(&u);
	return 0;
}
