/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* key.h - the key of a debug image's shell. Spec: slipway.conf(5), debug-key; crypt(5). Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { KEY_MAX_BYTES = 200 }; /* that can be typed; a musl libc hashes 256 */

/* Is it the key that was hashed? hash is of the kind that slipway.conf may have, a salted
 * SHA-512. False for a key that is empty or too long, and if hash is of no kind that the C
 * library knows. */
bool key_opens(const char *hash, const char *key);

/* Does what was read in canonical mode, text[0..n), hold one whole line? Puts a NUL in the place
 * of its end. False for a line that was longer, and for the end of the file. */
bool key_line(char *text, size_t n);
