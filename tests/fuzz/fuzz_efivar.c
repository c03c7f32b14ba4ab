/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "init/core/bytes.h"
#include "modules/inputs/firmware.h"

/* What a loader's variable may say is text that can be shown as it stands; as a UUID it is one that
 * is written back as it came, but for its letters' case. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[64], again[UUID_TEXT_BYTES];
	struct uuid uuid;
	struct err e;

	if (efivar_text("LoaderDevicePartUUID", data, size, text, sizeof(text), &e) < 0) {
		if (e.code != ERR_EFI_VARIABLE || !*e.what)
			abort();
		return 0;
	}
	if (size < 4 || size % 2 || data[0] & 1 || strlen(text) > (size - 4) / 2)
		abort();
	for (const char *p = text; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			abort();
	if (uuid_from_text(text, &uuid) && strcasecmp(uuid_format(&uuid, again), text) != 0)
		abort();
	return 0;
}
