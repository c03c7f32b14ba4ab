/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hooks/answer.h"

#include <string.h>

#include "init/core/text.h"

/* A copy that may be cut, and can be shown. */
static void copy_text(char ret[static ANSWER_TEXT_BYTES], const char *text, size_t n)
{
	if (n >= ANSWER_TEXT_BYTES)
		n = ANSWER_TEXT_BYTES - 1;
	memcpy(ret, text, n);
	ret[n] = '\0';
	/* What would end it early. */
	for (size_t i = 0; i < n; i++)
		if (!ret[i])
			ret[i] = '?';
	text_sanitize(ret);
}

static bool key_is_good(const struct answer *a, const char *key, size_t n)
{
	static const char taken[] = "0123456789abcdefghijklmnopqrstuvwxyz_";

	for (size_t i = 0; i < n; i++)
		if (!memchr(taken, key[i], sizeof(taken) - 1))
			return false;
	for (size_t i = 0; i < a->n_facts; i++)
		if (strlen(a->facts[i].key) == n && memcmp(a->facts[i].key, key, n) == 0)
			return false;
	return n > 0 && n < ANSWER_KEY_BYTES;
}

static const char *take_fact(struct answer *a, const char *text, size_t n)
{
	const char *space = memchr(text, ' ', n);
	size_t key = space ? (size_t)(space - text) : n, skip = key + (key < n);
	struct fact *f = &a->facts[a->n_facts];

	if (a->n_facts == ANSWER_MAX_FACTS || !key_is_good(a, text, key) ||
	    n - skip >= ANSWER_TEXT_BYTES)
		return "is a fact whose name is malformed or there twice, or that is too long or one too "
		       "many";
	memcpy(f->key, text, key);
	copy_text(f->value, text + skip, n - skip);
	a->n_facts++;
	return NULL;
}

static bool starts(const char *line, size_t n, const char *word)
{
	size_t len = strlen(word);

	return n >= len && memcmp(line, word, len) == 0 && (n == len || line[len] == ' ');
}

/* Returns what is wrong with the line, or NULL. */
static const char *take_line(struct answer *a, const char *line, size_t n)
{
	if (starts(line, n, "refuse")) {
		/* The first reason counts. */
		if (a->kind != ANSWER_REFUSE)
			copy_text(a->reason, n > 7 ? line + 7 : "no reason given", n > 7 ? n - 7 : 15);
		a->kind = ANSWER_REFUSE;
		return NULL;
	}
	if (a->kind != ANSWER_NONE)
		return "follows the answer";
	if (starts(line, n, "fact") && n > 5)
		return take_fact(a, line + 5, n - 5);
	if (n != 8 || memcmp(line, "continue", 8) != 0)
		return "is neither 'fact KEY VALUE', 'continue' nor 'refuse REASON'";
	a->kind = ANSWER_CONTINUE;
	return NULL;
}

void answer_parse(const char *text, size_t n, struct answer *ret)
{
	const char *at = text, *end = text + n;

	memset(ret, 0, sizeof(*ret));
	for (unsigned line = 1; at < end; line++) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((eol ? eol : end) - at);
		const char *complaint = take_line(ret, at, len);

		if (complaint && !ret->complaint) {
			ret->complaint = complaint;
			ret->line = line;
		}
		at += len + 1;
	}
	if (ret->complaint && ret->kind == ANSWER_CONTINUE)
		ret->kind = ANSWER_NONE;
}
