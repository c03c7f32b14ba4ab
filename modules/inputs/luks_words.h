/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* luks_words.h - what the command line says of the one encrypted volume that is opened.
 * Spec: systemd-cryptsetup-generator(8), crypttab(5) for the options. Pure.
 *
 * Words choose no volume, for discovery does: they say which one it must be, and what is not
 * understood is refused. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

enum { FIXED_KEY_BYTES = 32 };

struct luks_words {
	bool may_open;    /* luks= */
	bool has_uuid;
	struct uuid uuid; /* that its header must have */
	char key[256];    /* luks.key=, a file of the initrd; "" for the usual one */
	bool discard, no_read_workqueue, no_write_workqueue;
	bool has_fixed_key;
	uint8_t fixed_key[FIXED_KEY_BYTES]; /* HMAC-SHA256 that its key must have */
};

/* Each takes the value of a word. *w is undefined after an error.
 * Errors: ERR_CMDLINE (not understood, or two volumes), ERR_UNSUPPORTED. */
int luks_words_uuid(struct luks_words *w, const char *value, struct err *e);
int luks_words_name(struct luks_words *w, const char *value, struct err *e);
int luks_words_key(struct luks_words *w, const char *value, struct err *e);
int luks_words_options(struct luks_words *w, const char *value, struct err *e);

/* Who names an encrypted volume, or its key, does not want a root that is not encrypted, and who
 * forbids to open one none that is. Errors: ERR_UNSUPPORTED, ERR_CMDLINE. */
int luks_words_check(const struct luks_words *w, bool encrypted, struct err *e);
