/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/disk/fat.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "init/core/bytes.h"
#include "init/core/cleanup.h"

enum {
	ENTRY_BYTES = 32,
	PIECE_BYTES = 64 * 1024,
	FIRST_CLUSTER = 2,
	MAX_SECTOR_BYTES = 4096,
	UNITS = 13,      /* of a long name in one entry */
	MAX_LONG = 20,   /* entries of one long name */
};

/* Offsets in an entry, and its attributes. */
enum { AT_ATTRIBUTES = 11, AT_CASE = 12, AT_CHECKSUM = 13, AT_HIGH = 20, AT_LOW = 26, AT_SIZE = 28 };
enum { IS_VOLUME = 0x08, IS_FOLDER = 0x10, IS_LONG = 0x0f, LOWER_BASE = 0x08, LOWER_SUFFIX = 0x10 };

static int damaged(struct err *e, const char *what)
{
	return err_set(e, ERR_EXTENSION_MALFORMED, 0, "the FAT file system is damaged: %s", what);
}

static bool is_power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

int fat_open(fat_reader read, void *arg, uint64_t n_bytes, struct fat *ret, struct err *e)
{
	struct fat f = { .read = read, .arg = arg };
	uint64_t table_sectors, sectors, first;
	uint32_t sector_bytes;
	uint8_t b[512];
	int rc = read(arg, 0, b, sizeof(b), e);

	if (rc < 0)
		return rc;
	sector_bytes = le16(b + 11);
	if (le16(b + 510) != 0xaa55 || !is_power_of_two(sector_bytes) || sector_bytes < 512 ||
	    sector_bytes > MAX_SECTOR_BYTES || !is_power_of_two(b[13]))
		return err_set(e, ERR_EXTENSION_MALFORMED, 0, "it is no FAT file system");
	f.cluster_bytes = b[13] * sector_bytes;
	f.root_bytes = le16(b + 17) * (uint32_t)ENTRY_BYTES;
	table_sectors = le16(b + 22) ? le16(b + 22) : le32(b + 36);
	sectors = le16(b + 19) ? le16(b + 19) : le32(b + 32);
	f.root_at = le16(b + 14) + b[16] * table_sectors;
	first = f.root_at + (f.root_bytes + sector_bytes - 1) / sector_bytes;
	if (!b[16] || first >= sectors || sectors > n_bytes / sector_bytes)
		return damaged(e, "its parts do not fit");
	f.n_clusters = (uint32_t)((sectors - first) / b[13]);
	f.bits = !le16(b + 22) ? 32 : f.n_clusters < 4085 ? 12 : 16;
	f.root_cluster = le32(b + 44);
	if (table_sectors * sector_bytes * 8 / f.bits < (uint64_t)f.n_clusters + FIRST_CLUSTER)
		return damaged(e, "its table is too small");
	f.table_at = (uint64_t)le16(b + 14) * sector_bytes;
	f.root_at *= sector_bytes;
	f.data_at = first * sector_bytes;
	*ret = f;
	return 0;
}

/* ---- where the bytes of a file or folder are ---- */

/* One stretch after the other. */
struct run {
	const struct fat *fat;
	uint64_t at;      /* of this stretch */
	uint32_t n_bytes;
	uint32_t cluster; /* the next one; 0: none */
	uint32_t n_left;  /* stretches that there can be: a chain that is longer is a circle */
};

/* The entry of the table, without the bits that do not belong to it. */
static int next_cluster(const struct fat *f, uint32_t cluster, uint32_t *ret, struct err *e)
{
	uint8_t b[4] = { 0 };
	uint64_t at = f->table_at + (uint64_t)cluster * f->bits / 8;
	int rc = f->read(f->arg, at, b, f->bits == 32 ? 4 : 2, e);
	uint32_t mask = f->bits == 32 ? 0x0fffffff : (1u << f->bits) - 1;

	if (rc < 0)
		return rc;
	*ret = le32(b) >> (f->bits == 12 && cluster % 2 ? 4 : 0) & mask;
	if (*ret >= (mask & ~7u))
		*ret = 0;
	else if (*ret < FIRST_CLUSTER)
		return damaged(e, "a chain of clusters breaks off");
	return 0;
}

static struct run run_begin(const struct fat *f, uint32_t cluster)
{
	/* Of FAT12 and FAT16 what is above 16 bits is something else. */
	return (struct run){ .fat = f, .cluster = f->bits == 32 ? cluster : cluster & 0xffff,
			     .n_left = f->n_clusters };
}

/* Returns 1, or 0 behind the last one. */
static int run_next(struct run *r, struct err *e)
{
	const struct fat *f = r->fat;
	uint32_t cluster = r->cluster;

	if (!cluster)
		return 0;
	if (cluster - FIRST_CLUSTER >= f->n_clusters)
		return damaged(e, "a cluster is outside of it");
	if (!r->n_left--)
		return damaged(e, "a chain of clusters has no end");
	r->at = f->data_at + (uint64_t)(cluster - FIRST_CLUSTER) * f->cluster_bytes;
	r->n_bytes = f->cluster_bytes;
	return next_cluster(f, cluster, &r->cluster, e) < 0 ? -(int)e->code : 1;
}

int fat_copy(const struct fat *f, const struct fat_file *file,
	     int (*write)(void *arg, const void *p, size_t n, struct err *e), void *arg,
	     struct err *e)
{
	SCOPED(mem_free) uint8_t *piece = malloc(PIECE_BYTES);
	struct run run = run_begin(f, file->n_bytes ? file->cluster : 0);
	uint32_t left = file->n_bytes;
	int rc = 0;

	if (!piece)
		return err_set(e, ERR_MEMORY, 0, "read '%s': no memory", file->name);
	while (left && rc == 0) {
		rc = run_next(&run, e);
		if (rc <= 0)
			return rc < 0 ? rc : damaged(e, "a file is longer than its clusters");
		rc = 0;
		for (uint32_t done = 0, n; rc == 0 && left && done < run.n_bytes; done += n, left -= n) {
			n = run.n_bytes - done < PIECE_BYTES ? run.n_bytes - done : PIECE_BYTES;
			n = n < left ? n : left;
			rc = f->read(f->arg, run.at + done, piece, n, e);
			if (rc == 0)
				rc = write(arg, piece, n, e);
		}
	}
	return rc;
}

/* ---- folders ---- */

/* A long name under way: its entries come last part first. */
struct long_name {
	unsigned expected; /* the number of the next entry; 0: all are there, or there was none */
	bool whole;
	uint8_t checksum;
	char text[MAX_LONG * UNITS + 1];
};

static uint8_t checksum(const uint8_t *entry)
{
	uint8_t sum = 0;

	for (int i = 0; i < 11; i++)
		sum = (uint8_t)((sum << 7 | sum >> 1) + entry[i]);
	return sum;
}

static bool is_printable(unsigned c)
{
	return c >= 0x20 && c < 0x7f;
}

/* What is not printable becomes NUL and '\1', which no name has that is taken. */
static void add_part(struct long_name *l, const uint8_t *entry)
{
	static const uint8_t at[UNITS] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
	unsigned number = entry[0] & 0x3f;

	if (entry[0] & 0x40) {
		*l = (struct long_name){ .expected = number, .checksum = entry[AT_CHECKSUM] };
		if (number > MAX_LONG)
			l->expected = 0;
	}
	l->whole = false;
	if (!number || number != l->expected || entry[AT_CHECKSUM] != l->checksum) {
		l->expected = 0;
		return;
	}
	for (unsigned i = 0; i < UNITS; i++) {
		unsigned c = le16(entry + at[i]);

		l->text[(number - 1) * UNITS + i] = is_printable(c) ? (char)c : c && c != 0xffff ? '\1' : '\0';
	}
	l->whole = --l->expected == 0;
}

static size_t short_part(const uint8_t *p, size_t n, bool lower, char *ret)
{
	size_t used = 0;

	while (n && p[n - 1] == ' ')
		n--;
	for (; used < n; used++)
		ret[used] = !is_printable(p[used])                     ? '\1' :
			    lower && p[used] >= 'A' && p[used] <= 'Z' ? (char)(p[used] | 0x20) :
									(char)p[used];
	return used;
}

/* False if it has no name that can be shown. */
static bool take_name(const struct long_name *l, const uint8_t *entry, char ret[static FAT_NAME_BYTES])
{
	if (l->whole && l->checksum == checksum(entry)) {
		if (strlen(l->text) >= FAT_NAME_BYTES)
			return false;
		strcpy(ret, l->text);
	} else {
		size_t n = short_part(entry, 8, entry[AT_CASE] & LOWER_BASE, ret);
		size_t suffix = short_part(entry + 8, 3, entry[AT_CASE] & LOWER_SUFFIX, ret + n + 1);

		if (suffix)
			ret[n] = '.';
		ret[n + (suffix ? 1 + suffix : 0)] = '\0';
	}
	return *ret && !strchr(ret, '\1') && !strchr(ret, '/');
}

struct listing {
	struct long_name name;
	int (*each)(void *arg, const struct fat_file *file, struct err *e);
	void *arg;
	unsigned n_left;
	bool ended;
};

static int take_entry(struct listing *l, const uint8_t *entry, struct err *e)
{
	struct fat_file file = { .is_folder = entry[AT_ATTRIBUTES] & IS_FOLDER };
	bool named;

	if (!entry[0]) {
		l->ended = true;
		return 0;
	}
	if (!l->n_left--)
		return damaged(e, "a folder has no end");
	if (entry[0] != 0xe5 && (entry[AT_ATTRIBUTES] & 0x3f) == IS_LONG) {
		add_part(&l->name, entry);
		return 0;
	}
	named = entry[0] != 0xe5 && entry[0] != '.' && !(entry[AT_ATTRIBUTES] & IS_VOLUME) &&
		take_name(&l->name, entry, file.name);
	l->name.whole = false;
	l->name.expected = 0;
	if (!named)
		return 0;
	file.cluster = (uint32_t)le16(entry + AT_HIGH) << 16 | le16(entry + AT_LOW);
	file.n_bytes = le32(entry + AT_SIZE);
	return l->each(l->arg, &file, e);
}

static int list_stretch(const struct fat *f, uint64_t at, uint32_t n_bytes, struct listing *l,
			struct err *e)
{
	uint8_t entry[ENTRY_BYTES];
	int rc = 0;

	for (uint32_t done = 0; rc == 0 && !l->ended && done < n_bytes; done += ENTRY_BYTES) {
		rc = f->read(f->arg, at + done, entry, sizeof(entry), e);
		if (rc == 0)
			rc = take_entry(l, entry, e);
	}
	return rc;
}

/* folder NULL: the root. */
static int list_folder(const struct fat *f, const struct fat_file *folder, struct listing *l,
		       struct err *e)
{
	struct run run = run_begin(f, folder ? folder->cluster : f->root_cluster);
	int rc = 0;

	l->n_left = FAT_MAX_ENTRIES;
	if (!folder && f->bits != 32)
		return list_stretch(f, f->root_at, f->root_bytes, l, e);
	while (rc == 0 && !l->ended && (rc = run_next(&run, e)) > 0)
		rc = list_stretch(f, run.at, run.n_bytes, l, e);
	return rc;
}

struct step {
	const char *name;
	size_t n;
	struct fat_file found;
};

static int is_step(void *arg, const struct fat_file *file, struct err *e)
{
	struct step *s = arg;

	(void)e;
	if (!file->is_folder || strlen(file->name) != s->n || strncasecmp(file->name, s->name, s->n) != 0)
		return 0;
	s->found = *file;
	return 1;
}

int fat_list(const struct fat *f, const char *path,
	     int (*each)(void *arg, const struct fat_file *file, struct err *e), void *arg,
	     struct err *e)
{
	struct listing l = { .each = each, .arg = arg };
	struct step s = { 0 };

	for (;;) {
		struct listing names = { .each = is_step, .arg = &s };
		const struct fat_file folder = s.found, *in = s.name ? &folder : NULL;
		int rc;

		path += strspn(path, "/");
		if (!*path)
			return list_folder(f, in, &l, e);
		s.name = path;
		s.n = strcspn(path, "/");
		rc = list_folder(f, in, &names, e);
		if (rc <= 0)
			return rc;
		path += s.n;
	}
}
