/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* name.h - the names of extension images and of their release files.
 * Spec: UAPI.3. Pure. Trust: names come from the ESP, input is hostile. */
#pragma once

#include <stdbool.h>

#include "modules/extension/class.h"

enum {
	EXTENSION_NAME_BYTES = 100,
	EXTENSION_FILE_BYTES = EXTENSION_NAME_BYTES + 12, /* ".confext.raw" */
};

enum name_kind {
	NAME_OTHER,   /* no *.raw */
	NAME_FOREIGN, /* *.raw of the other class, as *.confext.raw */
	NAME_INVALID, /* *.raw, or a directory, but hidden, empty, too long or not printable ASCII */
	NAME_GOOD,
};

/* Strips ".raw", then what the class appends, as ".sysext". Fills ret for NAME_GOOD only. */
enum name_kind extension_name(const char *file, const struct extension_class *class,
			      char ret[static EXTENSION_NAME_BYTES]);

/* The same for an extension that is a directory, whose name has no ".raw". */
enum name_kind extension_directory_name(const char *file, const struct extension_class *class,
					char ret[static EXTENSION_NAME_BYTES]);

/* What an image is by its file's name alone. */
const struct extension_class *extension_class_of(const char *file);

/* Whose layer is lower, as strcmp() says it: the order of versions, and one order on every boot for
 * names that count as equal there. */
int extension_order(const char *a, const char *b);

/* Is extension-release.SUFFIX good for an extension that carries its version in
 * its name: is SUFFIX all of name before the first '_' or '+'? */
bool extension_release_fits(const char *suffix, const char *name);
