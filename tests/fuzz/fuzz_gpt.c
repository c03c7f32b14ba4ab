/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a disk's bytes to the chosen root. Input: a byte of flags, the disk's size
 * in sectors (8 bytes), a header (92 bytes), entries. */
#include <assert.h>

#include "init/core/cleanup.h"
#include "modules/disk/dps.h"
#include "modules/disk/gpt.h"
#include "tests/unit/gpt_image.h"

enum {
	FLAG_4096 = 1,
	FLAG_BACKUP = 2,
	FLAG_AS_IT_IS = 4, /* do not repair what random bytes never get right */
	SIZE_AT = 1,
	HEADER_AT = 9,
	HEADER_BYTES = 92,
	ENTRIES_AT = HEADER_AT + HEADER_BYTES,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct gpt *gpt)
{
	for (size_t i = 0; i < gpt->n_partitions; i++) {
		const struct partition *p = &gpt->partitions[i];

		assert(p->n_lbas > 0 && p->first_lba >= 2);
		assert(p->first_lba < gpt->n_sectors && p->n_lbas <= gpt->n_sectors - p->first_lba);
		assert(p->number >= 1 && p->number <= GPT_MAX_ENTRIES);
		assert(i == 0 || p->number > p[-1].number);
		assert(strlen(p->label) < GPT_LABEL_BYTES);
		for (const char *c = p->label; *c; c++)
			assert((unsigned char)*c >= 0x20 && *c != 0x7f);
		assert(gpt_find(gpt, &p->type, &p->uuid) == p);
		assert(!gpt_ignores(gpt, p->number));
	}
}

static void choose(const struct gpt *gpt)
{
	const struct dps_wish wish = { 0 };
	const struct partition *root = NULL;
	struct dps_verdicts verdicts;
	struct err e;

	for (enum designator d = DPS_ROOT; d <= DPS_USR; d++) {
		if (dps_choose(gpt, d, &wish, &verdicts, &root, &e) < 0)
			continue;
		assert(root >= gpt->partitions && root < gpt->partitions + gpt->n_partitions);
		assert(!root->overlaps);
		for (size_t i = 0; i < gpt->n_partitions; i++)
			assert(verdicts.why[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t header[4096] = { 0 };
	SCOPED(mem_free) uint8_t *entries = NULL;
	SCOPED(gpt_done) struct gpt gpt = { 0 };
	struct gpt_copy copy;
	uint64_t n_sectors, lba;
	enum gpt_which which;
	unsigned sector_bytes;
	size_t n_entries, n_given;
	struct err e;

	if (n < ENTRIES_AT)
		return 0;
	sector_bytes = data[0] & FLAG_4096 ? 4096 : 512;
	which = data[0] & FLAG_BACKUP ? GPT_BACKUP : GPT_PRIMARY;
	n_sectors = le64(data + SIZE_AT);
	memcpy(header, data + HEADER_AT, HEADER_BYTES);
	copy.header = (struct bytes){ header, sector_bytes };
	if (gpt_entries_extent(copy.header, sector_bytes, n_sectors, &lba, &n_entries, &e) < 0)
		return 0;
	assert(n_entries <= GPT_MAX_ENTRIES * 128 && lba < n_sectors);
	entries = calloc(1, n_entries);
	if (!entries)
		return 0;
	n_given = n - ENTRIES_AT < n_entries ? n - ENTRIES_AT : n_entries;
	memcpy(entries, data + ENTRIES_AT, n_given);
	if (!(data[0] & FLAG_AS_IT_IS)) {
		put_le(header + 24, which == GPT_PRIMARY ? 1 : n_sectors - 1, 8);
		image_seal(header, sector_bytes, entries, n_entries);
	}
	copy.entries = (struct bytes){ entries, n_entries };
	if (gpt_parse(&copy, which, sector_bytes, n_sectors, &gpt, &e) == 0) {
		check(&gpt);
		choose(&gpt);
	}
	return 0;
}
