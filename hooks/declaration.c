/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hooks/declaration.h"

#include <stdio.h>
#include <string.h>

static bool set_deadline(struct declaration *d, const char *value)
{
	unsigned n = 0;

	for (const char *c = value; *c; c++) {
		if (*c < '0' || *c > '9' || c - value >= 2)
			return false;
		n = n * 10 + (unsigned)(*c - '0');
	}
	d->deadline_s = n;
	return n > 0 && n <= DECLARATION_MAX_DEADLINE_S;
}

static bool set_failure(struct declaration *d, const char *value)
{
	d->skip = strcmp(value, "skip") == 0;
	return d->skip || strcmp(value, "fail") == 0;
}

/* Whole names between the slashes: neither "." nor "..", and nothing that a shell or a
 * terminal would make something of. */
static bool path_is_plain(const char *path)
{
	static const char taken[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-+,.:@";

	while (*path == '/') {
		size_t n = strspn(++path, taken);

		if (n == 0 || (n == strspn(path, ".") && n <= 2))
			return false;
		path += n;
	}
	return !*path;
}

static bool add_path(char list[][DECLARATION_PATH_BYTES], size_t *n, const char *path)
{
	size_t len = strlen(path);

	if (*n == DECLARATION_MAX_LIST || len >= DECLARATION_PATH_BYTES || !path_is_plain(path))
		return false;
	memcpy(list[(*n)++], path, len + 1);
	return true;
}

static bool is_below(const char *path, const char *const *folders)
{
	while (*folders && strncmp(path, *folders, strlen(*folders)) != 0)
		folders++;
	return *folders;
}

static bool set_device(struct declaration *d, const char *value)
{
	static const char *const folders[] = { "/dev/", "/sys/", NULL };

	return is_below(value, folders) && add_path(d->devices, &d->n_devices, value);
}

/* Not where slipway and the host keep what they must be able to believe, nor whence the host
 * would merge or start something. */
static bool set_output(struct declaration *d, const char *value)
{
	static const char *const folders[] = { "/run/", NULL };
	static const char *const reserved[] = {
		"/run/confexts/", "/run/credentials/", "/run/extensions/", "/run/initramfs/", "/run/log/",
		"/run/slipway/", "/run/systemd/", "/run/udev/", NULL,
	};
	static const char *const but[] = { "/run/systemd/network/", NULL };
	char folder[DECLARATION_PATH_BYTES + 1]; /* a file in the place of one is no better */

	snprintf(folder, sizeof(folder), "%s/", value);
	return is_below(value, folders) && (!is_below(folder, reserved) || is_below(value, but)) &&
	       add_path(d->outputs, &d->n_outputs, value);
}

static bool set_credential(struct declaration *d, const char *value)
{
	static const char taken[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-.";
	size_t n = strlen(value);

	if (d->n_credentials == DECLARATION_MAX_LIST || n == 0 || n >= DECLARATION_NAME_BYTES ||
	    *value == '.' || strspn(value, taken) != n)
		return false;
	memcpy(d->credentials[d->n_credentials++], value, n + 1);
	return true;
}

static const struct {
	const char *key;
	bool (*set)(struct declaration *d, const char *value);
	bool list; /* may be there more than once */
} keys[] = {
	{ "deadline", set_deadline, false },
	{ "failure", set_failure, false },
	{ "device", set_device, true },
	{ "output", set_output, true },
	{ "credential", set_credential, true },
};

enum { N_KEYS = sizeof(keys) / sizeof(*keys) };

struct parse {
	struct declaration d;
	bool seen[N_KEYS];
	const char *name;
	unsigned line;
};

static int apply(struct parse *p, const char *key, const char *value, struct err *e)
{
	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcmp(key, keys[i].key) != 0)
			continue;
		if (p->seen[i] && !keys[i].list)
			return err_set(e, ERR_HOOK_INVALID, 0, "%.60s.hook:%u: '%s' is there twice",
				       p->name, p->line, key);
		p->seen[i] = true;
		if (keys[i].set(&p->d, value))
			return 0;
	}
	return err_set(e, ERR_HOOK_INVALID, 0, "%.60s.hook:%u: '%.40s=%.60s' is not understood",
		       p->name, p->line, key, value);
}

static int parse_line(struct parse *p, char *line, struct err *e)
{
	char *value;

	if (!*line || *line == '#')
		return 0;
	value = strchr(line, '=');
	if (!value)
		return err_set(e, ERR_HOOK_INVALID, 0, "%.60s.hook:%u: '%.60s' is no key=value",
			       p->name, p->line, line);
	*value++ = '\0';
	return apply(p, line, value, e);
}

int declaration_parse(const char *text, size_t n, const char *name, struct declaration *ret,
		      struct err *e)
{
	struct parse p = { .d = DECLARATION_DEFAULTS, .name = name };
	const char *at = text, *end = text + n;

	if (n > DECLARATION_MAX_BYTES)
		return err_set(e, ERR_HOOK_INVALID, 0, "%.60s.hook has %zu bytes, more than %d", name,
			       n, DECLARATION_MAX_BYTES);
	for (p.line = 1; at < end; p.line++) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((eol ? eol : end) - at);
		char line[256];
		int rc;

		if (len >= sizeof(line) || memchr(at, '\0', len))
			return err_set(e, ERR_HOOK_INVALID, 0,
				       "%.60s.hook:%u: no text line of at most %zu bytes", name, p.line,
				       sizeof(line) - 1);
		memcpy(line, at, len);
		line[len] = '\0';
		rc = parse_line(&p, line, e);
		if (rc < 0)
			return rc;
		at += len + 1;
	}
	*ret = p.d;
	return 0;
}
