/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/manifest.h"

#include <string.h>
#include <sys/stat.h>

#include "init/core/bytes.h"

enum { MODE_DIGITS = 6 };

static const char first_line[] = "# slipway-mkinitrd manifest 1 ";

struct span {
	const char *p;
	size_t n;
};

/* Splits off what is before the next c, which goes. */
static bool cut(struct span *s, char c, struct span *ret)
{
	const char *at = memchr(s->p, c, s->n);

	if (!at)
		return false;
	*ret = (struct span){ s->p, (size_t)(at - s->p) };
	s->n -= ret->n + 1;
	s->p = at + 1;
	return true;
}

static bool number(struct span s, unsigned base, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

		if (digit >= base || value > (max - digit) / base)
			return false;
		value = value * base + digit;
	}
	*ret = value;
	return s.n > 0;
}

static bool parse_mode(struct span s, struct manifest_entry *entry)
{
	uint64_t mode;

	if (s.n != MODE_DIGITS || !number(s, 8, 0177777, &mode))
		return false;
	entry->mode = (uint32_t)mode;
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISCHR(mode) || S_ISBLK(mode);
}

static bool parse_size(struct span s, struct manifest_entry *entry)
{
	uint64_t major, minor;
	struct span first;

	if (!S_ISCHR(entry->mode) && !S_ISBLK(entry->mode))
		return number(s, 10, INT64_MAX, &entry->bytes);
	if (!cut(&s, ':', &first) || !number(first, 10, UINT32_MAX, &major) ||
	    !number(s, 10, UINT32_MAX, &minor))
		return false;
	entry->major = (uint32_t)major;
	entry->minor = (uint32_t)minor;
	return true;
}

static bool parse_digest(struct span s, struct manifest_entry *entry)
{
	char hex[2 * sizeof(entry->sha256) + 1];

	if (s.n == 1 && *s.p == '-')
		return true;
	if (s.n != sizeof(hex) - 1)
		return false;
	memcpy(hex, s.p, s.n);
	hex[s.n] = '\0';
	entry->has_digest = hex_decode(hex, entry->sha256, sizeof(entry->sha256)) > 0;
	return entry->has_digest;
}

static bool parse_path(struct span s, struct manifest_entry *entry)
{
	if (s.n < 2 || s.n >= sizeof(entry->path) || *s.p != '/' || memchr(s.p, '\0', s.n))
		return false;
	memcpy(entry->path, s.p, s.n);
	entry->path[s.n] = '\0';
	return true;
}

/* What is left of the line is the reason, for people. */
static bool parse_entry(struct span line, struct manifest_entry *ret)
{
	struct span mode, size, digest, path;

	ret->bytes = ret->major = ret->minor = 0;
	ret->has_digest = false;
	return cut(&line, '\t', &mode) && cut(&line, '\t', &size) && cut(&line, '\t', &digest) &&
	       cut(&line, '\t', &path) && parse_mode(mode, ret) && parse_size(size, ret) &&
	       parse_digest(digest, ret) && parse_path(path, ret);
}

/* Every line has its end: a last one without is half of one. */
static bool next_line(struct manifest *m, struct span *ret)
{
	struct span rest = { m->at, (size_t)(m->end - m->at) };

	m->line++;
	if (!cut(&rest, '\n', ret))
		return false;
	m->at = rest.p;
	return true;
}

int manifest_begin(const char *text, size_t n, struct manifest *ret, struct err *e)
{
	const size_t n_first = sizeof(first_line) - 1;
	struct span line;

	*ret = (struct manifest){ .at = text, .end = text + n };
	if (!next_line(ret, &line) || line.n < n_first || memcmp(line.p, first_line, n_first) != 0)
		return err_set(e, ERR_INITRD_INCOMPLETE, 0,
			       "'%s' is no manifest that this program knows", MANIFEST_PATH);
	return 0;
}

int manifest_next(struct manifest *m, struct manifest_entry *ret, struct err *e)
{
	struct span line = { "", 0 };

	while (m->at < m->end) {
		bool good = next_line(m, &line), comment = good && line.n && *line.p == '#';

		if (!good || (!comment && !parse_entry(line, ret)))
			return err_set(e, ERR_INITRD_INCOMPLETE, 0, "'%s' is damaged in line %zu",
				       MANIFEST_PATH, m->line);
		if (comment)
			continue;
		if (m->n_entries++ == MANIFEST_MAX_ENTRIES)
			return err_set(e, ERR_INITRD_INCOMPLETE, 0, "'%s' has more than %d entries",
				       MANIFEST_PATH, MANIFEST_MAX_ENTRIES);
		return 1;
	}
	return 0;
}
