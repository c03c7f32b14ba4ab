/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/pe.h"

#include <stdlib.h>
#include <string.h>

/* Offsets: in the DOS header, from "PE\0\0", and in the optional header. */
enum {
	DOS_BYTES = 64,
	AT_PE = 0x3c,
	AT_N_SECTIONS = 6,
	AT_OPTIONAL_BYTES = 20,
	AT_OPTIONAL = 24,
	AT_HEADERS_BYTES = 60,
	AT_CHECKSUM = 64,
	AT_N_DIRECTORIES_32 = 92,
	AT_N_DIRECTORIES_64 = 108, /* PE32+: addresses are longer */
};

enum {
	MAGIC_32 = 0x10b,
	MAGIC_64 = 0x20b,
	DIRECTORY_BYTES = 8,
	CERTIFICATES = 4, /* index of the directory */
	SECTION_BYTES = 40,
};

bool pe_recognise(struct bytes file)
{
	return file.n >= DOS_BYTES && memcmp(file.p, "MZ", 2) == 0;
}

struct layout {
	size_t optional_at, optional_bytes, table_at;
};

static int parse_layout(struct bytes file, struct layout *ret, size_t *ret_n_sections,
			struct err *e)
{
	size_t pe, n;

	if (!pe_recognise(file))
		return err_set(e, ERR_CONFIG, 0, "it is no PE image: it does not start with MZ");
	pe = le32(file.p + AT_PE);
	if (pe > file.n || file.n - pe < AT_OPTIONAL || memcmp(file.p + pe, "PE\0", 4) != 0)
		return err_set(e, ERR_CONFIG, 0, "it is no PE image: no PE header at %zu", pe);
	n = le16(file.p + pe + AT_N_SECTIONS);
	if (n > PE_MAX_SECTIONS)
		return err_set(e, ERR_CONFIG, 0, "the PE image has %zu sections, more than %d", n,
			       PE_MAX_SECTIONS);
	ret->optional_at = pe + AT_OPTIONAL;
	ret->optional_bytes = le16(file.p + pe + AT_OPTIONAL_BYTES);
	ret->table_at = ret->optional_at + ret->optional_bytes;
	if (ret->table_at > file.n || (file.n - ret->table_at) / SECTION_BYTES < n)
		return err_set(e, ERR_CONFIG, 0, "the PE image is cut off in its headers");
	*ret_n_sections = n;
	return 0;
}

static int parse_optional(const struct layout *l, struct pe *pe, struct err *e)
{
	const uint8_t *p = pe->file.p + l->optional_at;
	uint16_t magic = l->optional_bytes >= 2 ? le16(p) : 0;
	size_t count_at = magic == MAGIC_64 ? AT_N_DIRECTORIES_64 : AT_N_DIRECTORIES_32;
	size_t entry_at = count_at + 4 + CERTIFICATES * DIRECTORY_BYTES;
	size_t table_end = l->table_at + pe->n_sections * SECTION_BYTES;

	if ((magic != MAGIC_64 && magic != MAGIC_32) || l->optional_bytes < count_at + 4)
		return err_set(e, ERR_CONFIG, 0, "the PE image's optional header (magic %#x, %zu "
						 "bytes) is not one of PE32 or PE32+",
			       magic, l->optional_bytes);
	pe->headers_bytes = le32(p + AT_HEADERS_BYTES);
	pe->checksum_at = (uint32_t)(l->optional_at + AT_CHECKSUM);
	if (pe->headers_bytes < table_end || pe->headers_bytes > pe->file.n)
		return err_set(e, ERR_CONFIG, 0,
			       "the PE image says that its headers have %u bytes, which is absurd",
			       pe->headers_bytes);
	if (le32(p + count_at) <= CERTIFICATES || l->optional_bytes < entry_at + DIRECTORY_BYTES)
		return 0;
	pe->certificates_entry_at = (uint32_t)(l->optional_at + entry_at);
	pe->certificates_bytes = le32(p + entry_at + 4);
	if (pe->certificates_bytes > pe->file.n - pe->headers_bytes)
		return err_set(e, ERR_CONFIG, 0, "the PE image's signatures (%u bytes) are cut off",
			       pe->certificates_bytes);
	return 0;
}

static int parse_section(const struct pe *pe, const uint8_t *p, struct pe_section *ret,
			 struct err *e)
{
	memcpy(ret->name, p, 8);
	ret->virtual_bytes = le32(p + 8);
	ret->raw_bytes = le32(p + 16);
	ret->raw_at = ret->raw_bytes ? le32(p + 20) : 0;
	if (ret->raw_at > pe->file.n || ret->raw_bytes > pe->file.n - ret->raw_at)
		return err_set(e, ERR_CONFIG, 0,
			       "the PE image is cut off: section '%s' ends at %llu of %zu bytes",
			       ret->name, (unsigned long long)ret->raw_at + ret->raw_bytes,
			       pe->file.n);
	return 0;
}

int pe_parse(const uint8_t *p, size_t n, struct pe *ret, struct err *e)
{
	struct pe pe = { .file = { p, n } };
	struct layout l = { 0 };
	int rc = parse_layout(pe.file, &l, &pe.n_sections, e);

	if (rc == 0)
		rc = parse_optional(&l, &pe, e);
	for (size_t i = 0; i < pe.n_sections && rc == 0; i++)
		rc = parse_section(&pe, p + l.table_at + i * SECTION_BYTES, &pe.sections[i], e);
	if (rc == 0)
		*ret = pe;
	return rc;
}

static const struct pe_section *find_between(const struct pe *pe, size_t from, size_t to,
					     const char *name)
{
	for (size_t i = from; i < to; i++)
		if (strcmp(pe->sections[i].name, name) == 0)
			return &pe->sections[i];
	return NULL;
}

const struct pe_section *pe_find(const struct pe *pe, const char *name)
{
	return find_between(pe, 0, pe->n_sections, name);
}

/* The index of the first ".profile" from here on, or the number of sections. */
static size_t profile_from(const struct pe *pe, size_t from)
{
	const struct pe_section *s = find_between(pe, from, pe->n_sections, ".profile");

	return s ? (size_t)(s - pe->sections) : pe->n_sections;
}

const struct pe_section *pe_find_default(const struct pe *pe, const char *name)
{
	size_t first = profile_from(pe, 0);
	size_t second = first < pe->n_sections ? profile_from(pe, first + 1) : first;
	const struct pe_section *own = find_between(pe, first, second, name);

	return own ? own : find_between(pe, 0, first, name);
}

int pe_content(const struct pe *pe, const struct pe_section *section, struct bytes *ret,
	       struct err *e)
{
	if (section->virtual_bytes > section->raw_bytes)
		return err_set(e, ERR_CONFIG, 0,
			       "section '%s' of the PE image has %u bytes in the file and %u in memory",
			       section->name, section->raw_bytes, section->virtual_bytes);
	*ret = (struct bytes){ pe->file.p + section->raw_at, section->virtual_bytes };
	return 0;
}

int pe_section(struct bytes file, const char *name, struct bytes *ret, struct err *e)
{
	const struct pe_section *s;
	struct pe pe;
	int rc = pe_parse(file.p, file.n, &pe, e);

	if (rc < 0)
		return rc;
	s = pe_find(&pe, name);
	if (!s)
		return 0;
	*ret = (struct bytes){ file.p + s->raw_at,
			       s->virtual_bytes < s->raw_bytes ? s->virtual_bytes : s->raw_bytes };
	return 1;
}

static int by_place(const void *a, const void *b)
{
	const struct pe_section *const *x = a, *const *y = b;

	if ((*x)->raw_at != (*y)->raw_at)
		return (*x)->raw_at < (*y)->raw_at ? -1 : 1;
	return *x < *y ? -1 : *x > *y; /* as in the table */
}

static size_t add_range(const struct pe *pe, size_t from, size_t to, struct bytes *ret)
{
	*ret = (struct bytes){ pe->file.p + from, to - from };
	return to > from;
}

/* All but the checksum, the place of the signatures, and these themselves. What lies between
 * sections counts as behind the last one, as firmware does it. */
size_t pe_authenticode(const struct pe *pe, struct bytes ret[static PE_MAX_RANGES])
{
	const struct pe_section *sorted[PE_MAX_SECTIONS];
	size_t end = pe->file.n - pe->certificates_bytes, hashed = pe->headers_bytes;
	size_t at = pe->checksum_at, n = 0, n_sorted = 0;

	n += add_range(pe, 0, at, &ret[n]);
	at += 4;
	if (pe->certificates_entry_at) {
		n += add_range(pe, at, pe->certificates_entry_at, &ret[n]);
		at = pe->certificates_entry_at + DIRECTORY_BYTES;
	}
	n += add_range(pe, at, pe->headers_bytes, &ret[n]);
	for (size_t i = 0; i < pe->n_sections; i++)
		if (pe->sections[i].raw_bytes)
			sorted[n_sorted++] = &pe->sections[i];
	if (n_sorted)
		qsort(sorted, n_sorted, sizeof(sorted[0]), by_place);
	for (size_t i = 0; i < n_sorted; i++) {
		const struct pe_section *s = sorted[i];

		n += add_range(pe, s->raw_at, (size_t)s->raw_at + s->raw_bytes, &ret[n]);
		hashed += s->raw_bytes;
	}
	return hashed < end ? n + add_range(pe, hashed, end, &ret[n]) : n;
}
