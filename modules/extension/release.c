/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/release.h"

#include <stdbool.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "modules/disk/dps.h"

/* The assignments that decide; all others are skipped. */
static const struct {
	const char *key;
	size_t offset;
} keys[] = {
	{ "ID", offsetof(struct release, id) },
	{ "ID_LIKE", offsetof(struct release, id_like) },
	{ "VERSION_ID", offsetof(struct release, version_id) },
	{ "ARCHITECTURE", offsetof(struct release, architecture) },
	{ "SYSEXT_LEVEL", offsetof(struct release, level[SYSEXT]) },
	{ "SYSEXT_SCOPE", offsetof(struct release, scope[SYSEXT]) },
	{ "CONFEXT_LEVEL", offsetof(struct release, level[CONFEXT]) },
	{ "CONFEXT_SCOPE", offsetof(struct release, scope[CONFEXT]) },
};

enum { N_KEYS = sizeof(keys) / sizeof(*keys) };

static char **member(struct release *r, size_t i)
{
	return (char **)(void *)((char *)r + keys[i].offset);
}

void release_done(struct release *r)
{
	for (size_t i = 0; i < N_KEYS; i++)
		free(*member(r, i));
	*r = (struct release){ 0 };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Control characters would reach the console with the first message. */
static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* Between double quotes a backslash is special before these only. */
static bool escapes(char quote, char next)
{
	return !quote || strchr("\"\\$`", next);
}

/* Unquotes one line's value. ret takes at least n + 1 bytes. False if the shell
 * would not take it as one word: an open quote, or blanks outside of quotes. */
static bool unquote(const char *p, size_t n, char *ret)
{
	char quote = '\0';
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		char c = p[i];

		if (is_control(c) || (!quote && is_blank(c)))
			return false;
		if (c == quote) {
			quote = '\0';
		} else if (!quote && (c == '"' || c == '\'')) {
			quote = c;
		} else if (c == '\\' && quote != '\'') {
			if (i + 1 == n || is_control(p[i + 1]))
				return false;
			i += escapes(quote, p[i + 1]);
			ret[out++] = p[i];
		} else {
			ret[out++] = c;
		}
	}
	ret[out] = '\0';
	return !quote;
}

static int take_value(const char *p, size_t n, char **slot, struct err *e)
{
	SCOPED(mem_free) char *value = malloc(n + 1);

	if (!value)
		return err_set(e, ERR_MEMORY, 0, "parse a release file: no memory");
	if (!unquote(p, n, value))
		return 0;
	free(*slot);
	/* os-release(5): an empty value is as good as none. */
	*slot = *value ? ptr_take(&value) : NULL;
	return 0;
}

static int parse_line(const char *p, size_t n, struct release *r, struct err *e)
{
	const char *equals;
	size_t key;

	while (n && is_blank(*p))
		p++, n--;
	while (n && is_blank(p[n - 1]))
		n--;
	equals = memchr(p, '=', n);
	if (!equals)
		return 0;
	key = (size_t)(equals - p);
	for (size_t i = 0; i < N_KEYS; i++)
		if (strlen(keys[i].key) == key && memcmp(keys[i].key, p, key) == 0)
			return take_value(equals + 1, n - key - 1, member(r, i), e);
	return 0;
}

int release_parse(const char *text, size_t n, struct release *ret, struct err *e)
{
	SCOPED(release_done) struct release r = { 0 };

	if (memchr(text, '\0', n))
		return err_set(e, ERR_EXTENSION_MALFORMED, 0, "a NUL byte is in the release file");
	while (n) {
		const char *eol = memchr(text, '\n', n);
		size_t line = eol ? (size_t)(eol - text) : n;
		int rc = parse_line(text, line, &r, e);

		if (rc < 0)
			return rc;
		text += eol ? line + 1 : line;
		n -= eol ? line + 1 : line;
	}
	*ret = r;
	r = (struct release){ 0 };
	return 0;
}

/* Is word one of the blank-separated words? NULL has none. */
static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	while (words && *words) {
		size_t run = strcspn(words, " \t");

		if (run == n && memcmp(words, word, n) == 0)
			return true;
		words += run + strspn(words + run, " \t");
	}
	return false;
}

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static const char *or_none(const char *s)
{
	return s ? s : "";
}

static int mismatch(struct err *e, const char *name, const char *key, const char *theirs,
		    const char *ours)
{
	return err_set(e, ERR_EXTENSION_MISMATCH, 0, "%s of '%s' is '%.80s', it must be '%.80s'",
		       key, name, or_none(theirs), or_none(ours));
}

/* The level is the finer promise: where both give one, the version does not count. */
static int match_version(const struct release *x, const struct release *system,
			 const struct extension_class *class, const char *name, struct err *e)
{
	const char *theirs = x->level[class->id], *ours = system->level[class->id];
	const char *version = system->version_id;

	if (theirs && ours) {
		if (!same(theirs, ours))
			return mismatch(e, name, class->level_key, theirs, ours);
	} else if (version && !same(x->version_id, version)) {
		return mismatch(e, name, "VERSION_ID", x->version_id, version);
	}
	return 0;
}

int release_match(const struct release *extension, const struct release *ours, const char *scope,
		  const struct extension_class *class, const char *name, struct err *e)
{
	const struct release *x = extension;
	const char *scopes = x->scope[class->id];

	if (!has_word(scopes ? scopes : "system portable", scope))
		return mismatch(e, name, class->scope_key, scopes, scope);
	if (x->architecture && !same(x->architecture, "_any") &&
	    !same(x->architecture, dps_architecture()))
		return mismatch(e, name, "ARCHITECTURE", x->architecture, dps_architecture());
	if (same(x->id, "_any"))
		return 0;
	if (!x->id || (!same(x->id, ours->id) && !has_word(ours->id_like, x->id)))
		return mismatch(e, name, "ID", x->id, ours->id);
	return match_version(x, ours, class, name, e);
}
