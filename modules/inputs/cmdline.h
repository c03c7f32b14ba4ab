/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cmdline.h - splits the kernel command line into words.
 * Spec: kernel-command-line(7) as systemd reads it. Pure. Trust: input is hostile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/err.h"

enum { CMDLINE_MAX_BYTES = 64 * 1024 };

struct cmdline_word {
	const char *key;
	const char *value; /* after the first '='; NULL if there is none */
};

struct cmdline {
	char *text; /* what the words point into; owned */
	struct cmdline_word *words; /* owned */
	size_t n_words;
};

/* Splits at white space. Single and double quotes group and vanish, also inside a
 * word; an unbalanced one reaches to the end; a backslash is an ordinary character.
 * Text after a NUL is ignored. On success the caller calls cmdline_done().
 * Errors: ERR_CMDLINE if n > CMDLINE_MAX_BYTES, ERR_MEMORY. */
int cmdline_parse(const char *text, size_t n, struct cmdline *ret, struct err *e);

void cmdline_done(struct cmdline *c);

/* 1/yes/y/true/t/on and their opposites in any case; NULL (a bare word) is true.
 * Returns false if the text is neither. */
bool cmdline_boolean(const char *value, bool *ret);
