/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* release.h - os-release and extension-release files, and whether they match.
 * Spec: os-release(5), UAPI.3 (extension images). Pure. Trust: input is hostile. */
#pragma once

#include <stddef.h>

#include "init/core/err.h"
#include "modules/extension/class.h"

/* One file's assignments; values unquoted as the shell would, last wins. */
struct release {
	char *id, *id_like, *version_id, *architecture;
	char *level[N_EXTENSION_CLASSES], *scope[N_EXTENSION_CLASSES];
};

/* Parses n bytes of text. Lines that are no assignment are ignored, as os-release(5)
 * readers do; NUL bytes are refused. Release with release_done().
 * Errors: ERR_EXTENSION_MALFORMED, ERR_MEMORY. */
int release_parse(const char *text, size_t n, struct release *ret, struct err *e);
void release_done(struct release *r);

/* Is the extension for this system? Its class's scope has this word, "initrd" or "system", then
 * ARCHITECTURE, ID (or _any, or in our ID_LIKE), then its class's level or VERSION_ID.
 * name is for messages. Errors: ERR_EXTENSION_MISMATCH, with both values. */
int release_match(const struct release *extension, const struct release *ours, const char *scope,
		  const struct extension_class *class, const char *name, struct err *e);
