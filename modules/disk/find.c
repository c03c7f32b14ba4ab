/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "modules/disk/disk.h"
#include "modules/disk/dps.h"
#include "modules/disk/quiet.h"

#define SYS_BLOCK "/sys/class/block"

static bool has_esp(const struct gpt *gpt, const struct uuid *uuid)
{
	const struct partition *p = gpt_find(gpt, NULL, uuid);

	return p && dps_is_esp_or_xbootldr(&p->type);
}

static bool has_root_hash(const struct gpt *gpt, const struct disk_wish *wish)
{
	struct dps_halves h;

	if (wish->root_hash_bytes < sizeof(h.data.b) + sizeof(h.hash.b))
		return false;
	h = dps_halves(wish->root_hash, wish->root_hash_bytes);
	return !uuid_is_zero(&h.data) && !uuid_is_zero(&h.hash) &&
	       gpt_find(gpt, dps_type(wish->designator, DPS_DATA), &h.data) &&
	       gpt_find(gpt, dps_type(wish->designator, DPS_HASH), &h.hash);
}

static bool has_label(const struct gpt *gpt, const struct disk_wish *wish)
{
	const struct uuid *type = dps_type(wish->designator, DPS_DATA);

	for (size_t i = 0; i < gpt->n_partitions; i++)
		if (uuid_equal(&gpt->partitions[i].type, type) &&
		    strcmp(gpt->partitions[i].label, wish->label) == 0)
			return true;
	return false;
}

static bool is_by_name(const struct disk_wish *wish)
{
	return wish->name || wish->partition;
}

bool disk_fits(const struct disk_wish *wish, const struct gpt *gpt)
{
	if (wish->esp)
		return has_esp(gpt, wish->esp);
	if (wish->any)
		return gpt_find(gpt, NULL, wish->any);
	if (wish->root_hash)
		return has_root_hash(gpt, wish);
	if (wish->label)
		return has_label(gpt, wish);
	return is_by_name(wish);
}

static bool sys_has(const char *disk, const char *attribute)
{
	char path[320];

	snprintf(path, sizeof(path), SYS_BLOCK "/%s/%s", disk, attribute);
	return access(path, F_OK) == 0;
}

static bool sys_has_partition(const char *disk, const char *partition)
{
	char attribute[64];

	snprintf(attribute, sizeof(attribute), "%.32s/partition", partition);
	return sys_has(disk, attribute);
}

static bool sys_is_empty(const char *disk)
{
	char path[320], size[32];

	snprintf(path, sizeof(path), SYS_BLOCK "/%s/size", disk);
	return file_read_text(path, size, sizeof(size)) < 1 || strcmp(size, "0") == 0;
}

/* 0 if the kernel is too old to tell. */
static uint64_t diskseq_of(const char *disk)
{
	char path[320], text[32];

	snprintf(path, sizeof(path), SYS_BLOCK "/%s/diskseq", disk);
	return file_read_text(path, text, sizeof(text)) < 1 ? 0 : strtoull(text, NULL, 10);
}

static bool is_unfit(const struct disk_memory *memory, uint64_t diskseq)
{
	for (size_t i = 0; i < memory->n_unfit; i++)
		if (memory->unfit[i] == diskseq)
			return true;
	return false;
}

/* One that is not remembered is read again. */
static void remember_unfit(struct disk_memory *memory, uint64_t diskseq)
{
	if (diskseq && memory->n_unfit < sizeof(memory->unfit) / sizeof(*memory->unfit))
		memory->unfit[memory->n_unfit++] = diskseq;
}

/* Nobody boots from these: made by the kernel or by us, or slow to open. */
static bool is_never_meant(const char *name)
{
	static const char *const prefixes[] = { "dm-", "loop", "zram", "ram", "sr", "fd" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* Paths of multipath disks are listed too, but have no device number. */
static int is_disk(const struct dirent *d)
{
	return d->d_name[0] != '.' && !is_never_meant(d->d_name) &&
	       !sys_has(d->d_name, "partition") && sys_has(d->d_name, "dev") &&
	       !sys_is_empty(d->d_name);
}

struct names {
	struct dirent **list;
	int n;
};

static void names_free(struct names *names)
{
	for (int i = 0; i < names->n; i++)
		free(names->list[i]);
	free(names->list);
}

static struct names disks_present(void)
{
	struct names names = { 0 };

	names.n = scandir(SYS_BLOCK, &names.list, is_disk, alphasort);
	return names;
}

/* Returns 1 and fills *ret if this disk fits, 0 if not. A bad table is noted, read
 * again next time, and an error only if the disk was wished by name. One that has
 * none at all is some data disk, and not worth a word. */
static int try_disk(const char *name, const struct disk_wish *wish, struct disk_memory *memory,
		    struct disk *ret, struct err *ret_primary, struct err *e)
{
	SCOPED(disk_done) struct disk disk = { 0 };
	struct gpt_report report;
	uint64_t diskseq = diskseq_of(name);
	struct err why;
	int rc;

	if ((wish->name && strcmp(wish->name, name) != 0) ||
	    (wish->partition && !sys_has_partition(name, wish->partition)) || is_unfit(memory, diskseq))
		return 0;
	rc = disk_read_quietly(name, &disk, &report, &why);
	if (rc == -ERR_MEMORY || (rc == -ERR_GPT_INVALID && is_by_name(wish))) {
		*e = why;
		return rc;
	}
	if (rc < 0 && !memory->bad.code && (is_by_name(wish) || report.claim == GPT_CLAIMED))
		memory->bad = why;
	if (rc == 0 ? !disk_fits(wish, &disk.gpt) : report.claim == GPT_BLANK)
		remember_unfit(memory, diskseq);
	if (rc < 0 || !disk_fits(wish, &disk.gpt))
		return 0;
	*ret = disk_take(&disk);
	*ret_primary = report.primary;
	return 1;
}

/* disk_find() without its warnings: *ret_primary is for those. */
static int search(const struct disk_wish *wish, struct disk_memory *memory, struct disk *ret,
		  struct err *ret_primary, struct err *e)
{
	SCOPED(names_free) struct names names = disks_present();
	SCOPED(disk_done) struct disk found = { 0 };

	memory->bad = (struct err){ 0 };
	for (int i = 0; i < names.n; i++) {
		SCOPED(disk_done) struct disk disk = { 0 };
		struct err why_backup;
		int rc = try_disk(names.list[i]->d_name, wish, memory, &disk, &why_backup, e);

		if (rc < 0)
			return rc;
		if (rc == 0)
			continue;
		if (found.name[0])
			return err_set(e, ERR_DISK_AMBIGUOUS, 0, "both '%s' and '%s' fit",
				       found.name, disk.name);
		found = disk_take(&disk);
		*ret_primary = why_backup;
	}
	if (!found.name[0])
		return 0;
	*ret = disk_take(&found);
	return 1;
}

int disk_find(const struct disk_wish *wish, struct disk_memory *memory, struct disk *ret,
	      struct err *e)
{
	struct err primary = { 0 };
	int rc = search(wish, memory, ret, &primary, e);

	if (rc > 0)
		disk_warn(ret, &primary);
	return rc;
}

int disk_find_again(const struct disk_wish *wish, const struct disk *disk, struct err *e)
{
	SCOPED(disk_done) struct disk again = { 0 };
	struct disk_memory none = { 0 };
	struct err primary;
	int rc = search(wish, &none, &again, &primary, e);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(e, ERR_DISK_FAILED, 0, "disk '%s' is gone, or its table is another now",
			       disk->name);
	if (again.dev != disk->dev)
		return err_set(e, ERR_DISK_AMBIGUOUS, 0, "'%s' was taken, and now only '%s' fits",
			       disk->name, again.name);
	return 0;
}

void disk_list(char *ret, size_t max)
{
	SCOPED(names_free) struct names names = disks_present();
	size_t used = 0;

	ret[0] = '\0';
	for (int i = 0; i < names.n; i++) {
		int n = snprintf(ret + used, max - used, "%s%s", i ? " " : "",
				 names.list[i]->d_name);

		if (n < 0 || (size_t)n >= max - used)
			return;
		used += (size_t)n;
	}
}
