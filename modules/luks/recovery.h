/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* recovery.h - recovery keys as people type them. Pure. */
#pragma once

#include <stdbool.h>

enum { RECOVERY_KEY_BYTES = 72 }; /* eight groups of eight letters, dashes between, and a NUL */

/* Writes the form that was enrolled: lower case, eight groups with dashes. Capitals, spaces and
 * missing dashes are forgiven. False if the text is no recovery key (64 letters of modhex). */
bool recovery_key_normalise(const char *typed, char ret[static RECOVERY_KEY_BYTES]);
