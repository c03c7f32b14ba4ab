/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* metadata.h - finds an extension's release file in its mounted tree. */
#pragma once

#include "init/core/err.h"
#include "modules/extension/release.h"

/* Reads extension-release.NAME in the class's folder below root_fd, without following links.
 * Else the single other file there that is marked as good for any name
 * (user.extension-release.strict=0) or named as NAME before its first '_' or '+'.
 * Fills *ret, which release_done() empties.
 * Errors: ERR_EXTENSION_MALFORMED (none, several, no file, too large), ERR_SYSTEM. */
int metadata_read(int root_fd, const struct extension_class *class, const char *name,
		  struct release *ret, struct err *e);
