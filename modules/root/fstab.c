/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/root/fstab.h"

#include <string.h>

#define BLANKS " \t"
#define ENDS BLANKS "\n"

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* Resolves one character; returns the bytes that it takes of p, or 0 if it is none for a field. */
static size_t unescape(const char *p, char *ret)
{
	unsigned c;

	*ret = *p;
	if (p[0] != '\\' || !is_octal(p[1]) || !is_octal(p[2]) || !is_octal(p[3]))
		return 1;
	c = (unsigned)(p[1] - '0') * 64 + (unsigned)(p[2] - '0') * 8 + (unsigned)(p[3] - '0');
	if (c == 0 || c == '\n' || c > 255)
		return 0;
	*ret = (char)c;
	return 4;
}

static bool take_field(const char **at, const char *end, char *ret, size_t max)
{
	const char *p = *at + strspn(*at, BLANKS);
	size_t n = 0;

	while (p < end && !strchr(ENDS, *p)) {
		size_t used = n + 1 < max ? unescape(p, &ret[n]) : 0;

		if (!used)
			return false;
		n++;
		p += used;
	}
	ret[n] = '\0';
	*at = p;
	return n > 0;
}

static bool parse(const char *at, const char *end, struct fstab_entry *entry)
{
	char type[FSTAB_PATH_BYTES];

	return take_field(&at, end, entry->what, sizeof(entry->what)) &&
	       take_field(&at, end, entry->where, sizeof(entry->where)) &&
	       take_field(&at, end, type, sizeof(type)) &&
	       take_field(&at, end, entry->options, sizeof(entry->options));
}

enum fstab_result fstab_next(struct fstab *f, struct fstab_entry *ret)
{
	while (*f->text) {
		const char *start = f->text + strspn(f->text, BLANKS);
		const char *end = f->text + strcspn(f->text, "\n");
		struct fstab_entry entry;

		f->text = end + (*end == '\n');
		f->line++;
		if (start == end || *start == '#')
			continue;
		if (!parse(start, end, &entry))
			return FSTAB_BAD;
		*ret = entry;
		return FSTAB_ENTRY;
	}
	return FSTAB_END;
}

static bool has_option(const char *options, const char *name)
{
	for (const char *at = options; *at;) {
		size_t n = strcspn(at, ",");

		if (n == strlen(name) && memcmp(at, name, n) == 0)
			return true;
		at += n + (at[n] == ',');
	}
	return false;
}

/* Several slashes count as one, and those at the end as none. */
static bool is_path(const char *path, const char *name)
{
	while (*name) {
		if (*path != *name)
			return false;
		path += *path == '/' ? strspn(path, "/") : 1;
		name++;
	}
	return !path[strspn(path, "/")];
}

bool fstab_is_for_initrd(const struct fstab_entry *entry)
{
	if (*entry->where != '/' || is_path(entry->where, "/") || has_option(entry->options, "noauto"))
		return false;
	return is_path(entry->where, "/usr") || has_option(entry->options, "x-initrd.mount");
}
