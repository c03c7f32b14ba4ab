/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* digests.h - a short list of digests: what an initrd denies. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/bytes.h"

enum { DIGEST_MAX_BYTES = 64, DIGESTS_MAX = 64 };

struct digests {
	size_t n;
	struct digest {
		uint8_t n_bytes;
		uint8_t bytes[DIGEST_MAX_BYTES];
	} at[DIGESTS_MAX];
};

/* Adds one, written in hex, of min to max bytes. False if it is none, or one too many. */
bool digests_add(struct digests *list, const char *hex, size_t min, size_t max);

/* NULL is an empty list. */
bool digests_have(const struct digests *list, struct bytes digest);
