/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* name.h - the names of extension images and of their release files.
 * Spec: UAPI.3. Pure. Trust: names come from the ESP, input is hostile. */
#pragma once

#include <stdbool.h>

enum {
	EXTENSION_NAME_BYTES = 100,
	EXTENSION_FILE_BYTES = EXTENSION_NAME_BYTES + 11, /* ".sysext.raw" */
};

enum name_kind {
	NAME_OTHER,   /* no *.raw */
	NAME_CONFEXT, /* *.confext.raw */
	NAME_INVALID, /* *.raw, but hidden, empty, too long or not printable ASCII */
	NAME_SYSEXT,
};

/* Strips ".raw", then ".sysext". Fills ret for NAME_SYSEXT only. */
enum name_kind extension_name(const char *file, char ret[static EXTENSION_NAME_BYTES]);

/* Is extension-release.SUFFIX good for an extension that carries its version in
 * its name: is SUFFIX all of name before the first '_' or '+'? */
bool extension_release_fits(const char *suffix, const char *name);
