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
	return take_field(&at, end, entry->what, sizeof(entry->what)) &&
	       take_field(&at, end, entry->where, sizeof(entry->where)) &&
	       take_field(&at, end, entry->type, sizeof(entry->type)) &&
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

static bool is_word(const char *word, size_t n, const char *name)
{
	return n == strlen(name) && memcmp(word, name, n) == 0;
}

bool fstab_has_option(const struct fstab_entry *entry, const char *name)
{
	for (const char *at = entry->options; *at;) {
		size_t n = strcspn(at, ",");

		if (is_word(at, n, name))
			return true;
		at += n + (at[n] == ',');
	}
	return false;
}

bool fstab_options(const struct fstab_entry *entry, char ret[static FSTAB_OPTIONS_BYTES])
{
	bool writable = true;
	size_t end = 0;

	for (const char *at = entry->options; *at;) {
		size_t n = strcspn(at, ",");
		bool is_ro = is_word(at, n, "ro"), is_rw = is_word(at, n, "rw");

		if (is_ro || is_rw) {
			writable = is_rw;
		} else if (!is_word(at, n, "dev")) {
			if (end)
				ret[end++] = ',';
			memcpy(ret + end, at, n);
			end += n;
		}
		at += n + (at[n] == ',');
	}
	ret[end] = '\0';
	return writable;
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
	if (*entry->where != '/' || is_path(entry->where, "/") || fstab_has_option(entry, "noauto"))
		return false;
	return is_path(entry->where, "/usr") || fstab_has_option(entry, "x-initrd.mount");
}

/* False if it is not absolute, or has a component that is "." or "..". */
static bool clean(const char *path, char ret[static FSTAB_PATH_BYTES])
{
	size_t end = 0;

	while (*path == '/') {
		size_t n;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (is_word(path, n, ".") || is_word(path, n, "..") || end + 1 + n >= FSTAB_PATH_BYTES)
			return false;
		if (n) {
			ret[end++] = '/';
			memcpy(ret + end, path, n);
			end += n;
		}
		path += n;
	}
	ret[end] = '\0';
	return end > 0 && !*path;
}

enum fstab_place fstab_place(const char *where, char ret[static FSTAB_PATH_BYTES])
{
	static const struct { const char *name; enum fstab_place place; } known[] = {
		{ "dev", FSTAB_PLACE_NEVER }, { "proc", FSTAB_PLACE_NEVER },
		{ "sys", FSTAB_PLACE_NEVER }, { "run", FSTAB_PLACE_NEVER },
		{ "usr", FSTAB_PLACE_SYSTEM }, { "etc", FSTAB_PLACE_SYSTEM },
		{ "bin", FSTAB_PLACE_SYSTEM }, { "sbin", FSTAB_PLACE_SYSTEM },
	};
	size_t n;

	if (!clean(where, ret))
		return FSTAB_PLACE_NEVER;
	if (strcmp(ret, "/usr") == 0)
		return FSTAB_PLACE_USR;
	n = strcspn(ret + 1, "/");
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (is_word(ret + 1, n, known[i].name))
			return known[i].place;
	return strncmp(ret + 1, "lib", 3) == 0 ? FSTAB_PLACE_SYSTEM : FSTAB_PLACE_DATA;
}

struct fstab_source fstab_source(const struct fstab_entry *entry)
{
	static const struct { const char *prefix; enum fstab_by by; } known[] = {
		{ "UUID=", FSTAB_BY_UUID }, { "/dev/disk/by-uuid/", FSTAB_BY_UUID },
		{ "LABEL=", FSTAB_BY_LABEL }, { "/dev/disk/by-label/", FSTAB_BY_LABEL },
	};
	struct fstab_source s = { .by = FSTAB_BY_NOTHING };

	if (strcmp(entry->type, "tmpfs") == 0)
		s.by = FSTAB_TMPFS;
	else if (strcmp(entry->what, "/dev/mapper/root") == 0)
		s.by = FSTAB_BY_ROOT;
	else if (device_name_parse(entry->what, &s.partition))
		s.by = FSTAB_BY_PARTITION;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known) && s.by == FSTAB_BY_NOTHING; i++) {
		size_t n = strlen(known[i].prefix);

		if (strncmp(entry->what, known[i].prefix, n) == 0 && entry->what[n]) {
			s.by = known[i].by;
			s.value = entry->what + n;
		}
	}
	return s;
}
