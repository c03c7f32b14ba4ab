/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/disk/disk.h"

#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/disk/device.h"
#include "modules/disk/quiet.h"
#include "modules/disk/read.h"

static int disk_open(struct disk *disk, struct err *e)
{
	SCOPED(fd_close) int fd = device_open(disk->name, &disk->dev, e);
	uint64_t n_bytes;
	int sector_bytes;

	if (fd < 0)
		return fd;
	if (ioctl(fd, BLKSSZGET, &sector_bytes) < 0 || ioctl(fd, BLKGETSIZE64, &n_bytes) < 0)
		return err_set(e, errno_code(errno), errno, "ask for the size of disk '%s'", disk->name);
	if (sector_bytes < 512)
		return err_set(e, ERR_SYSTEM, 0, "disk '%s' has sectors of %d bytes", disk->name,
			       sector_bytes);
	disk->sector_bytes = (unsigned)sector_bytes;
	disk->n_sectors = n_bytes / disk->sector_bytes;
	return fd_take(&fd);
}

int disk_read_quietly(const char *name, struct disk *ret, struct gpt_report *ret_report,
		      struct err *e)
{
	SCOPED(disk_done) struct disk disk = { 0 };
	SCOPED(fd_close) int fd = -1;
	int rc;

	*ret_report = (struct gpt_report){ .claim = GPT_UNREADABLE };
	if (strlen(name) >= sizeof(disk.name))
		return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "open disk '%s'", name);
	memcpy(disk.name, name, strlen(name) + 1);
	fd = disk_open(&disk, e);
	if (fd < 0)
		return fd;
	rc = gpt_read(fd, name, disk.sector_bytes, disk.n_sectors, &disk.gpt, ret_report, e);
	if (rc < 0)
		return rc;
	*ret = disk_take(&disk);
	return 0;
}

void disk_warn(const struct disk *disk, const struct err *primary)
{
	unsigned n_ignored = 0, n_overlapping = 0;

	if (primary->code)
		log_warning("primary partition table of '%s' is broken (%s); using the backup",
			    disk->name, primary->what);
	for (unsigned i = 1; i <= GPT_MAX_ENTRIES; i++)
		n_ignored += gpt_ignores(&disk->gpt, i);
	if (n_ignored)
		log_warning("%u partitions of '%s' lie outside the usable sectors; ignoring them",
			    n_ignored, disk->name);
	for (size_t i = 0; i < disk->gpt.n_partitions; i++)
		n_overlapping += disk->gpt.partitions[i].overlaps;
	if (n_overlapping)
		log_warning("%u partitions of '%s' overlap; refusing to boot from those",
			    n_overlapping, disk->name);
}

int disk_read(const char *name, struct disk *ret, struct err *e)
{
	struct gpt_report report;
	int rc = disk_read_quietly(name, ret, &report, e);

	if (rc == 0)
		disk_warn(ret, &report.primary);
	return rc;
}

void disk_done(struct disk *disk)
{
	gpt_done(&disk->gpt);
	*disk = (struct disk){ 0 };
}
