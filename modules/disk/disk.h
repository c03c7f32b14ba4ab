/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* disk.h - whole disks: their geometry, table, and the kernel's view of them. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "init/core/err.h"
#include "modules/disk/dps.h"

/* A disk whose table was copied once and validated. Owned by the caller;
 * disk_done() empties it. */
struct disk {
	char name[32];         /* kernel name, "vda" */
	dev_t dev;
	unsigned sector_bytes; /* logical */
	uint64_t n_sectors;
	struct gpt gpt;
};

/* Which disk is meant. Exactly one member is set. */
struct disk_wish {
	const char *name;         /* kernel name of the whole disk */
	const char *partition;    /* kernel name of a partition of it, "vda2" */
	const char *label;        /* has a data partition of the designator with this label */
	const struct uuid *esp;   /* has an ESP or XBOOTLDR partition with this UUID */
	const struct uuid *any;   /* has any partition with this UUID */
	const uint8_t *root_hash; /* 32+ bytes: has the two partitions that UAPI.2 derives */
	size_t root_hash_bytes;
	enum designator designator; /* of that hash or label */
};

/* Opens /dev/NAME, copies both tables, parses the primary or else the backup
 * (with a warning). Errors: ERR_GPT_INVALID (both bad; says why for each),
 * ERR_SYSTEM. */
int disk_read(const char *name, struct disk *ret, struct err *e);

void disk_done(struct disk *disk);

/* True if this table belongs to the disk that is meant, as far as a table can
 * tell (a wished name or partition is not looked at). Pure. */
bool disk_fits(const struct disk_wish *wish, const struct gpt *gpt);

/* What one search keeps from call to call; zeroed before the first. Disks that were
 * read and do not fit are known by their diskseq, which the kernel never gives twice. */
struct disk_memory {
	struct err bad; /* the first disk whose table is bad, or ERR_NONE */
	size_t n_unfit;
	uint64_t unfit[64];
};

/* Looks through the whole disks present now (/sys/class/block: no partitions,
 * no dm, no zram, no empty loop devices) for the wish. Returns 1 and fills *ret,
 * 0 if no disk fits yet. A disk whose table is bad is skipped; the first one
 * that claims to have a table is told in memory->bad: the caller reports it when the
 * deadline passes. Only the disk found is warned about, and disks that do not fit are
 * read once, so it may be called on every event. But it waits for a disk that takes a
 * read and never answers: only the kernel's own timeout for that disk ends this.
 * Errors: ERR_DISK_AMBIGUOUS if two disks fit, ERR_GPT_INVALID only for a disk
 * wished by name or partition. */
int disk_find(const struct disk_wish *wish, struct disk_memory *memory, struct disk *ret,
	      struct err *e);

/* Looks at all once more, without warnings: the disk that was found must still fit, and be
 * the only one. Errors: those of disk_find(), ERR_DISK_AMBIGUOUS if only another one
 * fits, ERR_SYSTEM if none does. */
int disk_find_again(const struct disk_wish *wish, const struct disk *disk, struct err *e);

/* Compares the kernel's partitions (sysfs start and size) with the table and
 * fills partition.devname. A partition that the kernel does not show, because
 * it trusts only the primary table, is added with BLKPG; if the kernel refuses
 * one, that is warned about and its devname stays empty.
 * Errors: ERR_GPT_DISAGREES, ERR_DISK_FAILED, ERR_SYSTEM. */
int disk_agree(struct disk *disk, struct err *e);

/* disk_find(), and disk_agree() for what it found, of which an error leaves nothing. */
int disk_find_agreed(const struct disk_wish *wish, struct disk_memory *memory, struct disk *ret,
		     struct err *e);

/* Opens /dev/DEVNAME read-only and checks that it is the partition: same
 * disk, number, start and size by sysfs. Number 0 is a whole device in a partition's place,
 * of which the size is checked. Returns a descriptor the caller owns.
 * Errors: ERR_GPT_DISAGREES, ERR_DISK_FAILED, ERR_SYSTEM. */
int disk_open_partition(const struct disk *disk, const struct partition *p, struct err *e);

/* Names of the whole disks present, space separated, for messages; never fails. */
void disk_list(char *ret, size_t max);
