/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* answer.h - what a hook says on its standard output. Spec: slipway-hooks(7). Pure.
 * Trust: the program is measured, what it says may come from anywhere. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	ANSWER_MAX_BYTES = 8192,
	ANSWER_TEXT_BYTES = 201,
	ANSWER_KEY_BYTES = 33,
	ANSWER_MAX_FACTS = 16,
};

enum answer_kind {
	ANSWER_NONE, /* nothing, or nothing that counts: see complaint */
	ANSWER_CONTINUE,
	ANSWER_REFUSE,
};

struct answer {
	enum answer_kind kind;
	char reason[ANSWER_TEXT_BYTES]; /* of a refusal; fit to be shown */
	const char *complaint;          /* what is wrong with it, NULL if nothing; static */
	unsigned line;                  /* where */
	size_t n_facts;
	struct fact {
		char key[ANSWER_KEY_BYTES], value[ANSWER_TEXT_BYTES];
	} facts[ANSWER_MAX_FACTS];
};

/* Reads lines of "fact KEY VALUE", then one "continue" or "refuse REASON". A refusal is
 * believed whatever else is wrong; anything else must be whole. */
void answer_parse(const char *text, size_t n, struct answer *ret);
