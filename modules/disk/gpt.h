/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gpt.h - the GUID partition table, from a private copy of its bytes.
 * Spec: UEFI 2.10 section 5.3. Trust: input is hostile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

enum {
	GPT_MAX_ENTRIES = 1024,       /* 128 is usual; more than this is absurd */
	GPT_LABEL_BYTES = 36 * 3 + 1, /* 36 UTF-16 units as UTF-8 */
};

/* UEFI 2.10 table 5-8 and the attributes of UAPI.2. */
#define GPT_ATTR_GROWFS (UINT64_C(1) << 59)
#define GPT_ATTR_READ_ONLY (UINT64_C(1) << 60)
#define GPT_ATTR_NO_AUTO (UINT64_C(1) << 63)

/* One copy of the table as read from the disk: what is parsed is only this.
 * header is one sector (LBA 1 or the last one); entries as many bytes as the
 * header claims, already bounded by gpt_entries_extent(). */
struct gpt_copy {
	struct bytes header;
	struct bytes entries;
};

struct partition {
	unsigned number;             /* 1-based index in the table */
	struct uuid type, uuid;
	uint64_t first_lba, n_lbas;  /* in sectors of the disk; bounded, non-zero */
	uint64_t attributes;
	char label[GPT_LABEL_BYTES]; /* UTF-8, control characters replaced */
	bool overlaps;               /* shares sectors with another partition */
	bool filtered;               /* an image filter hides it */
	bool failed;                 /* tried in this boot, in vain */
	char devname[32];            /* "vda2"; empty until disk_agree() */
};

enum gpt_which { GPT_PRIMARY, GPT_BACKUP };

/* Validated: every partition lies inside the usable range; nothing more is
 * promised about overlaps (partition.overlaps says) or duplicates. */
struct gpt {
	enum gpt_which which;
	unsigned sector_bytes;
	uint64_t n_sectors;
	size_t n_partitions;
	struct partition *partitions; /* by number; owned by this struct */
	/* One bit an entry that lies outside the usable range, or is empty or
	 * backwards: it is no partition for us, though the kernel may show it. */
	uint8_t ignored[GPT_MAX_ENTRIES / 8];
};

static inline bool gpt_ignores(const struct gpt *gpt, unsigned number)
{
	return number >= 1 && number <= GPT_MAX_ENTRIES &&
	       gpt->ignored[(number - 1) / 8] & 1u << (number - 1) % 8;
}

/* From an untrusted header sector: where the entry array lies and how long it
 * is, so that the caller can read exactly those bytes.
 * Errors: ERR_GPT_INVALID if the sector is no GPT header or the array is
 * larger than GPT_MAX_ENTRIES entries or outside the disk. */
int gpt_entries_extent(struct bytes header, unsigned sector_bytes, uint64_t n_sectors,
		       uint64_t *ret_lba, size_t *ret_bytes, struct err *e);

/* Parses one copy with libblkid (CRCs, geometry) and checks beyond it: bounds,
 * overlaps, duplicate partition UUIDs. Pure: touches no device, logs nothing.
 * On success fills *ret, which gpt_done() empties.
 * Errors: ERR_GPT_INVALID, ERR_MEMORY, ERR_SYSTEM. */
int gpt_parse(const struct gpt_copy *copy, enum gpt_which which, unsigned sector_bytes,
	      uint64_t n_sectors, struct gpt *ret, struct err *e);

void gpt_done(struct gpt *gpt);

/* Hands the table over: the scope forgets it. */
static inline struct gpt gpt_take(struct gpt *gpt)
{
	struct gpt taken = *gpt;

	*gpt = (struct gpt){ 0 };
	return taken;
}

/* The first partition with this UUID (and, unless NULL, this type), or NULL; none that is
 * filtered. */
const struct partition *gpt_find(const struct gpt *gpt, const struct uuid *type,
				 const struct uuid *uuid);
