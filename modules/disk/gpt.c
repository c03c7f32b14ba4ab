/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/disk/gpt.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"

/* UEFI 2.10 tables 5-5 and 5-6. */
enum {
	HEADER_BYTES = 92,
	ENTRY_BYTES = 128,
	MBR_BYTES = 512,
	MAX_SECTOR_BYTES = 65536,
};

/* What the header claims, and we found to fit the disk. */
struct header {
	uint64_t my_lba, first_usable, last_usable, entries_lba;
	uint32_t n_entries;
};

static int invalid_range(const char *what, uint64_t first, uint64_t last, struct err *e)
{
	return err_set(e, ERR_GPT_INVALID, 0, "the %s (LBA %llu to %llu) does not fit the disk",
		       what, (unsigned long long)first, (unsigned long long)last);
}

static int check_geometry(unsigned sector_bytes, uint64_t n_sectors, struct err *e)
{
	bool power_of_two = sector_bytes && (sector_bytes & (sector_bytes - 1)) == 0;

	if (!power_of_two || sector_bytes < MBR_BYTES || sector_bytes > MAX_SECTOR_BYTES ||
	    n_sectors < 6 || n_sectors > (uint64_t)INT64_MAX / sector_bytes)
		return err_set(e, ERR_GPT_INVALID, 0,
			       "no partition table fits %llu sectors of %u bytes",
			       (unsigned long long)n_sectors, sector_bytes);
	return 0;
}

/* The array must stay clear of both headers and of the partitions, so that the
 * places we copy it to are nobody else's. */
static int check_extents(const struct header *h, unsigned sector_bytes, uint64_t n_sectors,
			 struct err *e)
{
	uint64_t n = ((uint64_t)h->n_entries * ENTRY_BYTES + sector_bytes - 1) / sector_bytes;
	uint64_t last_lba = n_sectors - 1;

	if (h->first_usable < 2 || h->first_usable > h->last_usable || h->last_usable >= last_lba)
		return invalid_range("usable range", h->first_usable, h->last_usable, e);
	if (h->entries_lba < 2 || h->entries_lba > last_lba || n > last_lba - h->entries_lba)
		return invalid_range("entry array", h->entries_lba, h->entries_lba + n - 1, e);
	if (h->entries_lba <= h->last_usable && h->entries_lba + n > h->first_usable)
		return err_set(e, ERR_GPT_INVALID, 0,
			       "the entry array lies where partitions may be");
	return 0;
}

static int read_header(struct bytes sector, unsigned sector_bytes, uint64_t n_sectors,
		       struct header *ret, struct err *e)
{
	const uint8_t *p = sector.p;
	int rc = check_geometry(sector_bytes, n_sectors, e);

	if (rc < 0)
		return rc;
	if (sector.n != sector_bytes || memcmp(p, "EFI PART", 8) != 0)
		return err_set(e, ERR_GPT_INVALID, 0, "no partition table header");
	if (le32(p + 84) != ENTRY_BYTES)
		return err_set(e, ERR_GPT_INVALID, 0, "entries of %u bytes instead of %d",
			       le32(p + 84), ENTRY_BYTES);
	if (le32(p + 80) < 1 || le32(p + 80) > GPT_MAX_ENTRIES)
		return err_set(e, ERR_GPT_INVALID, 0, "%u entries claimed, at most %d are accepted",
			       le32(p + 80), GPT_MAX_ENTRIES);
	*ret = (struct header){
		.my_lba = le64(p + 24),
		.first_usable = le64(p + 40),
		.last_usable = le64(p + 48),
		.entries_lba = le64(p + 72),
		.n_entries = le32(p + 80),
	};
	return check_extents(ret, sector_bytes, n_sectors, e);
}

int gpt_entries_extent(struct bytes header, unsigned sector_bytes, uint64_t n_sectors,
		       uint64_t *ret_lba, size_t *ret_bytes, struct err *e)
{
	struct header h;
	int rc = read_header(header, sector_bytes, n_sectors, &h, e);

	if (rc < 0)
		return rc;
	*ret_lba = h.entries_lba;
	*ret_bytes = (size_t)h.n_entries * ENTRY_BYTES;
	return 0;
}

/* One partition of type 0xEE over the whole disk: what libblkid wants to see
 * before it looks for a GPT. */
static void protective_mbr(uint8_t mbr[static MBR_BYTES], uint64_t n_sectors)
{
	uint32_t n = n_sectors - 1 > UINT32_MAX ? UINT32_MAX : (uint32_t)(n_sectors - 1);
	const uint8_t entry[16] = {
		0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0,
		(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24),
	};

	memset(mbr, 0, MBR_BYTES);
	memcpy(mbr + 446, entry, sizeof(entry));
	mbr[510] = 0x55;
	mbr[511] = 0xaa;
}

static int place(int fd, uint64_t lba, unsigned sector_bytes, struct bytes b, struct err *e)
{
	if (lseek(fd, (off_t)(lba * sector_bytes), SEEK_SET) < 0 || write_full(fd, b.p, b.n) < 0)
		return err_set(e, ERR_SYSTEM, errno, "copy the partition table to memory");
	return 0;
}

/* A sparse picture of the disk that holds this one copy of the table and nothing
 * else: libblkid judges exactly the bytes that we use, and cannot take the other
 * copy instead. */
static int make_picture(const struct gpt_copy *copy, const struct header *h,
			unsigned sector_bytes, uint64_t n_sectors, struct err *e)
{
	SCOPED(fd_close) int fd = memfd_create("gpt", MFD_CLOEXEC);
	uint8_t mbr[MBR_BYTES];
	int rc;

	if (fd < 0 || ftruncate(fd, (off_t)(n_sectors * sector_bytes)) < 0)
		return err_set(e, ERR_SYSTEM, errno, "make room for the partition table in memory");
	protective_mbr(mbr, n_sectors);
	rc = place(fd, 0, sector_bytes, (struct bytes){ mbr, sizeof(mbr) }, e);
	if (rc == 0)
		rc = place(fd, h->my_lba, sector_bytes, copy->header, e);
	if (rc == 0)
		rc = place(fd, h->entries_lba, sector_bytes, copy->entries, e);
	return rc < 0 ? rc : fd_take(&fd);
}

static void probe_free(blkid_probe *probe)
{
	if (*probe)
		blkid_free_probe(*probe);
}

static int probe_open(int fd, unsigned sector_bytes, blkid_probe *ret, struct err *e)
{
	char gpt_only[] = "gpt";
	char *types[] = { gpt_only, NULL };
	SCOPED(probe_free) blkid_probe probe = blkid_new_probe();

	if (!probe)
		return err_set(e, ERR_MEMORY, 0, "no memory to check the partition table");
	if (blkid_probe_set_device(probe, fd, 0, 0) != 0 ||
	    blkid_probe_set_sectorsize(probe, sector_bytes) != 0 ||
	    blkid_probe_enable_partitions(probe, 1) != 0 ||
	    blkid_probe_filter_partitions_type(probe, BLKID_FLTR_ONLYIN, types) != 0)
		return err_set(e, ERR_SYSTEM, 0, "libblkid cannot check the partition table");
	*ret = ptr_take(&probe);
	return 0;
}

/* Labels go to consoles and into JSON: control characters and halves of
 * surrogate pairs (which libblkid passes through) become '?'. */
static void copy_label(char ret[static GPT_LABEL_BYTES], const char *name)
{
	const unsigned char *s = (const unsigned char *)name;
	size_t n = 0;

	while (*s && n + 1 < GPT_LABEL_BYTES) {
		size_t skip = 0;

		if (s[0] < 0x20 || s[0] == 0x7f)
			skip = 1;
		else if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0)
			skip = 2;
		else if (s[0] == 0xed && s[1] >= 0xa0 && s[2])
			skip = 3;
		ret[n++] = (char)(skip ? '?' : *s);
		s += skip ? skip : 1;
	}
	ret[n] = '\0';
}

/* libblkid counts in units of 512 bytes, and lets entries through that end
 * before they begin. Returns false for what is no partition. */
static bool take_extent(blkid_partition from, const struct header *h, unsigned sector_bytes,
			struct partition *p)
{
	int64_t unit = sector_bytes / 512;
	int64_t start = blkid_partition_get_start(from), size = blkid_partition_get_size(from);

	if (start <= 0 || size <= 0 || start % unit || size % unit)
		return false;
	p->first_lba = (uint64_t)(start / unit);
	p->n_lbas = (uint64_t)(size / unit);
	return p->first_lba >= h->first_usable && p->first_lba <= h->last_usable &&
	       p->n_lbas <= h->last_usable - p->first_lba + 1;
}

static bool take_uuid(const char *text, struct uuid *ret)
{
	return text && uuid_from_text(text, ret);
}

static bool take_names(blkid_partition from, struct partition *p)
{
	const char *name = blkid_partition_get_name(from);

	copy_label(p->label, name ? name : "");
	p->attributes = blkid_partition_get_flags(from);
	return take_uuid(blkid_partition_get_type_string(from), &p->type) &&
	       take_uuid(blkid_partition_get_uuid(from), &p->uuid);
}

/* libblkid gives the partitions by number; anything else is not what we know. */
static int take_partitions(blkid_partlist list, const struct header *h, struct gpt *gpt,
			   struct err *e)
{
	int n = blkid_partlist_numof_partitions(list);
	unsigned last_number = 0;

	if (n < 0 || (uint32_t)n > h->n_entries)
		return err_set(e, ERR_GPT_INVALID, 0, "libblkid finds %d partitions in %u entries",
			       n, h->n_entries);
	gpt->partitions = calloc((size_t)n + 1, sizeof(*gpt->partitions));
	if (!gpt->partitions)
		return err_set(e, ERR_MEMORY, 0, "no memory for %d partitions", n);
	for (int i = 0; i < n; i++) {
		struct partition *p = &gpt->partitions[gpt->n_partitions];
		blkid_partition from = blkid_partlist_get_partition(list, i);

		*p = (struct partition){ 0 };
		if (from)
			p->number = (unsigned)blkid_partition_get_partno(from);
		if (p->number <= last_number || p->number > h->n_entries || !take_names(from, p))
			return err_set(e, ERR_GPT_INVALID, 0, "libblkid cannot read partition %d",
				       i + 1);
		last_number = p->number;
		if (take_extent(from, h, gpt->sector_bytes, p))
			gpt->n_partitions++;
	}
	return 0;
}

static int probe_partitions(blkid_probe probe, const struct header *h, struct gpt *gpt,
			    struct err *e)
{
	blkid_partlist list = blkid_probe_get_partitions(probe);
	blkid_parttable table = list ? blkid_partlist_get_table(list) : NULL;
	const char *type = table ? blkid_parttable_get_type(table) : NULL;

	if (!type || strcmp(type, "gpt") != 0)
		return err_set(e, ERR_GPT_INVALID, 0, "checksum or geometry is wrong");
	return take_partitions(list, h, gpt, e);
}

/* Both lists are by number, so one walk finds the entries that were left out. */
static void note_ignored(struct gpt *gpt, struct bytes entries)
{
	const struct partition *p = gpt->partitions, *end = p + gpt->n_partitions;

	for (unsigned i = 0; i < entries.n / ENTRY_BYTES; i++)
		if (p < end && p->number == i + 1)
			p++;
		else if (!bytes_are_zero(entries.p + (size_t)i * ENTRY_BYTES, 16))
			gpt->ignored[i / 8] |= (uint8_t)(1u << i % 8);
}

static int compare_pairs(struct gpt *gpt, struct err *e)
{
	for (size_t i = 0; i < gpt->n_partitions; i++)
		for (size_t j = i + 1; j < gpt->n_partitions; j++) {
			struct partition *a = &gpt->partitions[i], *b = &gpt->partitions[j];
			char text[UUID_TEXT_BYTES];

			if (uuid_equal(&a->uuid, &b->uuid))
				return err_set(e, ERR_GPT_INVALID, 0,
					       "partitions %u and %u have the same UUID '%s'",
					       a->number, b->number, uuid_format(&a->uuid, text));
			if (a->first_lba < b->first_lba + b->n_lbas &&
			    b->first_lba < a->first_lba + a->n_lbas)
				a->overlaps = b->overlaps = true;
		}
	return 0;
}

int gpt_parse(const struct gpt_copy *copy, enum gpt_which which, unsigned sector_bytes,
	      uint64_t n_sectors, struct gpt *ret, struct err *e)
{
	SCOPED(gpt_done) struct gpt gpt = {
		.which = which, .sector_bytes = sector_bytes, .n_sectors = n_sectors,
	};
	SCOPED(fd_close) int fd = -1;
	SCOPED(probe_free) blkid_probe probe = NULL;
	struct header h;
	int rc = read_header(copy->header, sector_bytes, n_sectors, &h, e);

	if (rc < 0)
		return rc;
	if (h.my_lba != (which == GPT_PRIMARY ? 1 : n_sectors - 1))
		return err_set(e, ERR_GPT_INVALID, 0, "the header says that it lies at LBA %llu",
			       (unsigned long long)h.my_lba);
	if (copy->entries.n != (size_t)h.n_entries * ENTRY_BYTES)
		return err_set(e, ERR_GPT_INVALID, 0, "%zu bytes of entries instead of %zu",
			       copy->entries.n, (size_t)h.n_entries * ENTRY_BYTES);
	fd = make_picture(copy, &h, sector_bytes, n_sectors, e);
	if (fd < 0)
		return fd;
	rc = probe_open(fd, sector_bytes, &probe, e);
	if (rc == 0)
		rc = probe_partitions(probe, &h, &gpt, e);
	if (rc == 0)
		rc = compare_pairs(&gpt, e);
	if (rc < 0)
		return rc;
	note_ignored(&gpt, copy->entries);
	*ret = gpt_take(&gpt);
	return 0;
}

void gpt_done(struct gpt *gpt)
{
	free(gpt->partitions);
	*gpt = (struct gpt){ 0 };
}

const struct partition *gpt_find(const struct gpt *gpt, const struct uuid *type,
				 const struct uuid *uuid)
{
	for (size_t i = 0; i < gpt->n_partitions; i++) {
		const struct partition *p = &gpt->partitions[i];

		if (!p->filtered && uuid_equal(&p->uuid, uuid) && (!type || uuid_equal(&p->type, type)))
			return p;
	}
	return NULL;
}
