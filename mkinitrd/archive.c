/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/archive.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"

enum {
	MAGIC_BYTES = 6,
	FIELD_BYTES = 8,
	N_FIELDS = 13,
	HEADER_BYTES = MAGIC_BYTES + N_FIELDS * FIELD_BYTES,
	MAX_PATH = 4096, /* with its NUL, as in the kernel */
};

/* The header's numbers, in its order. */
enum field {
	INODE, MODE, UID, GID, LINKS, MTIME, SIZE, DEVICE_MAJOR, DEVICE_MINOR, MAJOR, MINOR,
	NAME_BYTES, CHECKSUM,
};

/* How far the bytes are read. Offsets count from their start, which is aligned to 4. */
struct reader {
	struct bytes b;
	size_t at;
};

void archive_done(struct archive *a)
{
	free(a->entries);
	*a = (struct archive){ 0 };
}

const char *archive_path(const struct archive_entry *entry)
{
	const char *path = entry->path;

	while (*path == '/' || (path[0] == '.' && (path[1] == '/' || !path[1])))
		path++;
	return path;
}

/* Takes n bytes and the zeros that fill up to the next multiple of 4. */
static int take(struct reader *r, size_t n, const char *what, const uint8_t **ret, struct err *e)
{
	size_t left = r->b.n - r->at, pad;

	if (n > left)
		return err_set(e, ERR_CONFIG, 0,
			       "it ends at byte %zu, within %s at byte %zu, which has %zu bytes; it was cut off",
			       r->b.n, what, r->at, n);
	pad = -(r->at + n) % 4;
	*ret = r->b.p + r->at;
	if (pad > left - n || !bytes_are_zero(*ret + n, pad))
		return err_set(e, ERR_CONFIG, 0, "%s at byte %zu is not padded with zeros", what,
			       r->at);
	r->at += n + pad;
	return 0;
}

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int parse_fields(const uint8_t *p, size_t at, uint32_t ret[static N_FIELDS], struct err *e)
{
	for (size_t i = 0; i < N_FIELDS * FIELD_BYTES; i++) {
		int value = digit(p[i]);

		if (value < 0)
			return err_set(e, ERR_CONFIG, 0,
				       "the header at byte %zu has something else than hex digits",
				       at);
		ret[i / FIELD_BYTES] = ret[i / FIELD_BYTES] << 4 | (uint32_t)value;
	}
	return 0;
}

/* The header is not padded by itself, but together with the name. */
static int read_header(struct reader *r, uint32_t ret[static N_FIELDS], bool *ret_sums,
		       struct err *e)
{
	const uint8_t *p = r->b.p + r->at;

	if (r->b.n - r->at < HEADER_BYTES)
		return err_set(e, ERR_CONFIG, 0,
			       "it ends at byte %zu, before the archive's trailer; it was cut off",
			       r->b.n);
	if (memcmp(p, "070701", MAGIC_BYTES) != 0 && memcmp(p, "070702", MAGIC_BYTES) != 0)
		return err_set(e, ERR_CONFIG, 0, "at byte %zu is no entry of a newc archive", r->at);
	*ret_sums = p[MAGIC_BYTES - 1] == '2';
	return parse_fields(p + MAGIC_BYTES, r->at, ret, e);
}

/* Some writers fill up the name with further NULs to align the contents. */
static int read_path(struct reader *r, uint32_t n, const char **ret, struct err *e)
{
	size_t at = r->at, length;
	const uint8_t *p;
	int rc;

	if (n < 2 || n > MAX_PATH)
		return err_set(e, ERR_CONFIG, 0,
			       "the path of the entry at byte %zu has %u bytes; 2 to %d are possible", at,
			       n, MAX_PATH);
	rc = take(r, HEADER_BYTES + n, "an entry's header and path", &p, e);
	if (rc < 0)
		return rc;
	p += HEADER_BYTES;
	length = strnlen((const char *)p, n);
	if (length == 0 || length == n || !bytes_are_zero(p + length, n - length))
		return err_set(e, ERR_CONFIG, 0,
			       "the path of the entry at byte %zu is empty or does not end", at);
	*ret = (const char *)p;
	return 0;
}

static int check_data(const struct archive_entry *entry, bool sums, uint32_t checksum,
		      struct err *e)
{
	struct bytes data = entry->data;
	uint32_t sum = 0;

	switch (entry->mode & S_IFMT) {
	case S_IFREG:
		for (size_t i = 0; sums && i < data.n; i++)
			sum += data.p[i];
		if (sums && data.n && sum != checksum)
			return err_set(e, ERR_CONFIG, 0, "the contents of '%.200s' are damaged",
				       entry->path);
		return 0;
	case S_IFLNK:
		if (data.n == 0 || data.n >= MAX_PATH || memchr(data.p, 0, data.n))
			return err_set(e, ERR_CONFIG, 0,
				       "the target of the link '%.200s' has a NUL, or %zu bytes",
				       entry->path, data.n);
		return 0;
	case S_IFDIR: case S_IFCHR: case S_IFBLK: case S_IFIFO: case S_IFSOCK:
		if (data.n)
			return err_set(e, ERR_CONFIG, 0, "'%.200s' is no file and has contents",
				       entry->path);
		return 0;
	}
	return err_set(e, ERR_CONFIG, 0, "'%.200s' has the mode %06o, of no type of file",
		       entry->path, entry->mode);
}

static int append(struct archive *a, const struct archive_entry *entry, struct err *e)
{
	if (a->n == ARCHIVE_MAX_ENTRIES)
		return err_set(e, ERR_CONFIG, 0, "there are more than %d entries",
			       ARCHIVE_MAX_ENTRIES);
	if (a->n == a->room) {
		size_t room = a->room ? 2 * a->room : 256;
		struct archive_entry *grown = realloc(a->entries, room * sizeof(*grown));

		if (!grown)
			return err_set(e, ERR_MEMORY, 0, "no memory for %zu entries", room);
		a->entries = grown;
		a->room = room;
	}
	a->entries[a->n++] = *entry;
	return 0;
}

static int read_entry(struct reader *r, struct archive *a, bool *ret_end, struct err *e)
{
	uint32_t f[N_FIELDS] = { 0 };
	struct archive_entry entry;
	bool sums = false;
	int rc = read_header(r, f, &sums, e);

	if (rc < 0)
		return rc;
	entry = (struct archive_entry){
		.mode = f[MODE], .uid = f[UID], .gid = f[GID], .mtime = f[MTIME],
		.major = f[MAJOR], .minor = f[MINOR], .inode = f[INODE], .n_links = f[LINKS],
		.device_major = f[DEVICE_MAJOR], .device_minor = f[DEVICE_MINOR],
		.data.n = f[SIZE],
	};
	rc = read_path(r, f[NAME_BYTES], &entry.path, e);
	if (rc == 0)
		rc = take(r, entry.data.n, "an entry's contents", &entry.data.p, e);
	if (rc < 0)
		return rc;
	*ret_end = strcmp(entry.path, "TRAILER!!!") == 0;
	if (*ret_end)
		return entry.data.n ? err_set(e, ERR_CONFIG, 0, "the trailer has contents") : 0;
	rc = check_data(&entry, sums, f[CHECKSUM], e);
	return rc < 0 ? rc : append(a, &entry, e);
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

/* Names of one file are neighbours, in the order of the archive. */
static int by_file(const void *left, const void *right)
{
	const struct archive_entry *a = *(const struct archive_entry *const *)left;
	const struct archive_entry *b = *(const struct archive_entry *const *)right;
	int c = COMPARE(a->inode, b->inode);

	if (c == 0)
		c = COMPARE(a->device_major, b->device_major);
	if (c == 0)
		c = COMPARE(a->device_minor, b->device_minor);
	if (c == 0)
		c = COMPARE(a->mode & S_IFMT, b->mode & S_IFMT);
	return c ? c : COMPARE(a, b);
}

static bool same_file(const struct archive_entry *a, const struct archive_entry *b)
{
	return a->inode == b->inode && a->device_major == b->device_major &&
	       a->device_minor == b->device_minor && ((a->mode ^ b->mode) & S_IFMT) == 0;
}

/* Gives all names of a file, of one archive, its contents, which most writers store but
 * once. */
static int resolve_links(struct archive *a, size_t from, struct err *e)
{
	SCOPED(mem_free) struct archive_entry **linked = calloc(a->n - from + 1, sizeof(*linked));
	size_t n_linked = 0;

	if (!linked)
		return err_set(e, ERR_MEMORY, 0, "no memory for %zu entries", a->n - from);
	for (size_t i = from; i < a->n; i++)
		if (a->entries[i].n_links >= 2 && S_ISREG(a->entries[i].mode))
			linked[n_linked++] = &a->entries[i];
	qsort(linked, n_linked, sizeof(*linked), by_file);
	for (size_t first = 0, next; first < n_linked; first = next) {
		struct bytes data = linked[first]->data;

		for (next = first + 1; next < n_linked && same_file(linked[first], linked[next]);
		     next++)
			if (linked[next]->data.n)
				data = linked[next]->data;
		for (size_t i = first; i < next; i++)
			linked[i]->data = data;
	}
	return 0;
}

static int read_archive(struct reader *r, struct archive *a, struct err *e)
{
	size_t first = a->n;
	bool end = false;

	while (!end) {
		int rc = read_entry(r, a, &end, e);

		if (rc < 0)
			return rc;
	}
	return resolve_links(a, first, e);
}

int archive_parse(struct bytes b, struct archive *ret, size_t *ret_used, struct err *e)
{
	struct reader r = { .b = b };

	for (;;) {
		int rc;

		while (r.at < b.n && b.p[r.at] == 0)
			r.at++;
		if (r.at == b.n || r.at % 4 || b.p[r.at] != '0')
			break;
		rc = read_archive(&r, ret, e);
		if (rc < 0)
			return rc;
	}
	*ret_used = r.at;
	return 0;
}
