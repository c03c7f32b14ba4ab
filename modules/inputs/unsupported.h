/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* unsupported.h - words of systemd that are known, and not obeyed. Pure.
 * Spec: kernel-command-line(7), slipway-cmdline(7). */
#pragma once

#include <stdbool.h>

enum word_flags {
	FOLD = 1 << 0, /* '-' and '_' are the same in the key */
	RD = 1 << 1,   /* the rd. form means the same */
};

/* Whether the key of a word is this name, as the flags say. */
bool word_is(const char *key, const char *name, unsigned flags);

struct unsupported {
	const char *key;
	unsigned flags;
	const char *refusal; /* why we do not boot with this word, or */
	const char *notice;  /* what we do instead of what it asks for */
};

/* What is known of this key, or NULL. */
const struct unsupported *unsupported_find(const char *key);
