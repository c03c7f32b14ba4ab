/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/disk/read.h"

#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"

enum { MBR_BYTES = 512 };

static int read_bytes(int fd, uint64_t offset, size_t n, uint8_t **ret, struct err *e)
{
	SCOPED(mem_free) uint8_t *p = malloc(n);
	int rc;

	if (!p)
		return err_set(e, ERR_MEMORY, 0, "no memory for %zu bytes of the partition table",
			       n);
	rc = pread_full(fd, p, n, offset, e);
	if (rc == 0)
		*ret = ptr_take(&p);
	return rc;
}

static int read_copy(int fd, enum gpt_which which, unsigned sector_bytes, uint64_t n_sectors,
		     struct gpt *ret, struct err *e)
{
	SCOPED(mem_free) uint8_t *header = NULL;
	SCOPED(mem_free) uint8_t *entries = NULL;
	uint64_t lba = which == GPT_PRIMARY ? 1 : n_sectors - 1;
	struct gpt_copy copy;
	size_t n;
	int rc = read_bytes(fd, lba * sector_bytes, sector_bytes, &header, e);

	if (rc < 0)
		return rc;
	copy.header = (struct bytes){ header, sector_bytes };
	rc = gpt_entries_extent(copy.header, sector_bytes, n_sectors, &lba, &n, e);
	if (rc == 0)
		rc = read_bytes(fd, lba * sector_bytes, n, &entries, e);
	if (rc < 0)
		return rc;
	copy.entries = (struct bytes){ entries, n };
	return gpt_parse(&copy, which, sector_bytes, n_sectors, ret, e);
}

/* An image made for the other sector size has its header where we never look. */
static unsigned other_sector_size(int fd, unsigned sector_bytes, uint64_t n_sectors)
{
	SCOPED(gpt_done) struct gpt gpt = { 0 };
	unsigned other = sector_bytes == 512 ? 4096 : 512;
	uint64_t n_other = n_sectors * sector_bytes / other;
	struct err ignored;

	return read_copy(fd, GPT_PRIMARY, other, n_other, &gpt, &ignored) < 0 ? 0 : other;
}

/* UEFI 2.10 table 5-4: an entry of type 0xEE. */
static bool is_protective(const uint8_t mbr[static MBR_BYTES])
{
	if (mbr[510] != 0x55 || mbr[511] != 0xaa)
		return false;
	for (size_t i = 0; i < 4; i++)
		if (mbr[446 + 16 * i + 4] == 0xee)
			return true;
	return false;
}

/* libblkid sees one of our making, and the table alone. */
static int check_protective(int fd, const char *name, struct err *e)
{
	uint8_t mbr[MBR_BYTES];
	int rc = pread_full(fd, mbr, sizeof(mbr), 0, e);

	if (rc == 0 && !is_protective(mbr))
		return err_set(e, ERR_GPT_INVALID, 0,
			       "'%s' has no protective MBR beside its partition table", name);
	return rc;
}

static enum gpt_claim claim_of(int fd, unsigned sector_bytes, uint64_t n_sectors)
{
	const uint64_t lba[] = { 0, 1, n_sectors - 1 };
	enum gpt_claim claim = GPT_BLANK;

	for (size_t i = 0; i < 3; i++) {
		uint8_t sector[MBR_BYTES];
		struct err ignored;

		if (pread_full(fd, sector, sizeof(sector), lba[i] * sector_bytes, &ignored) < 0)
			claim = GPT_UNREADABLE;
		else if (lba[i] ? memcmp(sector, "EFI PART", 8) == 0 : is_protective(sector))
			return GPT_CLAIMED;
	}
	return claim;
}

static int both_bad(const char *name, uint64_t last_lba, const struct err *primary,
		    const struct err *backup, struct err *e)
{
	return err_set(e, ERR_GPT_INVALID, 0,
		       "'%s' has no valid partition table; LBA 1: %.110s; LBA %llu: %.110s", name,
		       primary->what, (unsigned long long)last_lba, backup->what);
}

int gpt_read(int fd, const char *name, unsigned sector_bytes, uint64_t n_sectors,
	     struct gpt *ret, struct gpt_report *ret_report, struct err *e)
{
	SCOPED(gpt_done) struct gpt gpt = { 0 };
	struct err primary = { 0 }, backup;
	unsigned other;
	int rc;

	*ret_report = (struct gpt_report){ 0 };
	if (n_sectors < 2 || n_sectors > (uint64_t)INT64_MAX / sector_bytes)
		return err_set(e, ERR_GPT_INVALID, 0, "'%s' has %llu sectors: no room for a table",
			       name, (unsigned long long)n_sectors);
	rc = read_copy(fd, GPT_PRIMARY, sector_bytes, n_sectors, &gpt, &primary);
	if (rc < 0 && rc != -ERR_MEMORY)
		rc = read_copy(fd, GPT_BACKUP, sector_bytes, n_sectors, &gpt, &backup);
	if (rc == -ERR_MEMORY)
		return err_set(e, ERR_MEMORY, 0, "no memory for the partition table of '%s'", name);
	other = other_sector_size(fd, sector_bytes, n_sectors);
	ret_report->claim = GPT_CLAIMED;
	if (rc < 0 && !other) {
		ret_report->claim = claim_of(fd, sector_bytes, n_sectors);
		return both_bad(name, n_sectors - 1, &primary, &backup, e);
	}
	if (other)
		return err_set(e, ERR_GPT_INVALID, 0,
			       "'%s' has sectors of %u bytes, and %s table for sectors of %u", name,
			       sector_bytes, rc < 0 ? "its only valid" : "also a valid", other);
	rc = check_protective(fd, name, e);
	if (rc < 0)
		return rc;
	*ret = gpt_take(&gpt);
	ret_report->primary = primary;
	return 0;
}
