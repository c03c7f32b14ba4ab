/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* word.h - how an extension that no stub measured is called in the measurements, and where.
 * Spec: slipway-init(8). Pure. */
#pragma once

#include <stdbool.h>

#include "modules/extension/class.h"

enum { EXTENSION_WORD_BYTES = 256 };

/* Writes "sysext:NAME:ROOTHASH", or "confext:...", or for the host "host-sysext:..." and
 * "host-confext:...". What no measurement may hold becomes '?'. */
void extension_word(bool host, const struct extension_class *class, const char *name,
		    const char *root_hash, char ret[static EXTENSION_WORD_BYTES]);

/* As the stub's own: 13 for the system, 12 for configuration. */
unsigned extension_pcr(const struct extension_class *class);
