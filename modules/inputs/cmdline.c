/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/cmdline.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Copies one word without its quotes to *out. Returns where the next one may begin. */
static const char *take_word(const char *p, const char *end, char **out)
{
	char quote = '\0';

	for (; p < end && *p && (quote || !is_space(*p)); p++) {
		if (quote ? *p == quote : *p == '"' || *p == '\'')
			quote = quote ? '\0' : *p;
		else
			*(*out)++ = *p;
	}
	*(*out)++ = '\0';
	return p;
}

int cmdline_parse(const char *text, size_t n, struct cmdline *ret, struct err *e)
{
	struct cmdline c = { 0 };
	const char *p = text, *end = text + strnlen(text, n);
	char *out;

	if (n > CMDLINE_MAX_BYTES)
		return err_set(e, ERR_CMDLINE, 0, "the command line has more than %d bytes",
			       CMDLINE_MAX_BYTES);
	/* A word and the space after it take no more room than its copy and a NUL. */
	c.text = malloc((size_t)(end - p) + 2);
	c.words = calloc((size_t)(end - p) / 2 + 1, sizeof(*c.words));
	if (!c.text || !c.words) {
		cmdline_done(&c);
		return err_set(e, ERR_MEMORY, 0, "no memory for the command line");
	}
	out = c.text;
	for (;;) {
		char *word = out, *equals;

		while (p < end && is_space(*p))
			p++;
		if (p >= end)
			break;
		p = take_word(p, end, &out);
		equals = strchr(word, '=');
		if (equals)
			*equals++ = '\0';
		c.words[c.n_words++] = (struct cmdline_word){ word, equals };
	}
	*ret = c;
	return 0;
}

void cmdline_done(struct cmdline *c)
{
	free(c->text);
	free(c->words);
	*c = (struct cmdline){ 0 };
}

bool cmdline_boolean(const char *value, bool *ret)
{
	static const char *const yes[] = { "1", "yes", "y", "true", "t", "on" };
	static const char *const no[] = { "0", "no", "n", "false", "f", "off" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		bool is_yes = !value || strcasecmp(value, yes[i]) == 0;

		if (is_yes || strcasecmp(value, no[i]) == 0) {
			*ret = is_yes;
			return true;
		}
	}
	return false;
}
