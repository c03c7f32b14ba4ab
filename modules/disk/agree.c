/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/disk/device.h"
#include "modules/disk/disk.h"
#include "modules/disk/kernel_view.h"

static int match_kernel(struct disk *disk, struct err *e)
{
	SCOPED(mem_free) struct kernel_partition *list = NULL;
	char dir[64];
	size_t n;
	int rc;

	snprintf(dir, sizeof(dir), "/sys/class/block/%s", disk->name);
	rc = kernel_partitions_read(dir, &list, &n, e);
	if (rc == 0)
		rc = kernel_partitions_match(&disk->gpt, list, n, e);
	return rc;
}

static int add_partition(int fd, const struct disk *disk, const struct partition *p)
{
	struct blkpg_partition add = {
		.start = (long long)(p->first_lba * disk->sector_bytes),
		.length = (long long)(p->n_lbas * disk->sector_bytes),
		.pno = (int)p->number,
	};
	struct blkpg_ioctl_arg arg = {
		.op = BLKPG_ADD_PARTITION, .datalen = sizeof(add), .data = &add,
	};

	return ioctl(fd, BLKPG, &arg);
}

/* A partition that the kernel refuses (it overlaps, say) may be one that nobody
 * wants; so this only warns, and whoever wants it fails. */
static int add_missing(const struct disk *disk, struct err *e)
{
	SCOPED(fd_close) int fd = -1;
	unsigned n_added = 0, n_refused = 0;
	int errnum = 0;
	dev_t dev;

	fd = device_open(disk->name, &dev, e);
	if (fd < 0)
		return fd;
	if (dev != disk->dev)
		return err_set(e, ERR_GPT_DISAGREES, 0, "'%s' is another disk now", disk->name);
	for (size_t i = 0; i < disk->gpt.n_partitions; i++) {
		const struct partition *p = &disk->gpt.partitions[i];

		if (p->devname[0])
			continue;
		if (add_partition(fd, disk, p) == 0) {
			n_added++;
		} else {
			n_refused++;
			errnum = errno;
		}
	}
	if (n_added)
		log_info("told the kernel of %u partitions of '%s' that it did not see", n_added,
			 disk->name);
	if (n_refused)
		log_warning("the kernel refuses %u partitions of '%s' (%s); they cannot be used",
			    n_refused, disk->name, strerror(errnum));
	return 0;
}

static bool all_have_devices(const struct gpt *gpt)
{
	for (size_t i = 0; i < gpt->n_partitions; i++)
		if (!gpt->partitions[i].devname[0])
			return false;
	return true;
}

int disk_agree(struct disk *disk, struct err *e)
{
	int rc = match_kernel(disk, e);

	if (rc < 0 || all_have_devices(&disk->gpt))
		return rc;
	rc = add_missing(disk, e);
	return rc < 0 ? rc : match_kernel(disk, e);
}

int disk_find_agreed(const struct disk_wish *wish, struct disk_memory *memory, struct disk *ret,
		     struct err *e)
{
	int rc = disk_find(wish, memory, ret, e);

	if (rc <= 0)
		return rc;
	rc = disk_agree(ret, e);
	if (rc < 0)
		disk_done(ret);
	return rc < 0 ? rc : 1;
}

/* By device number, so that what is checked is the device that is open and not
 * one of the same name. */
static int check_open_partition(dev_t dev, const struct disk *disk, const struct partition *p,
				struct err *e)
{
	char dir[64], path[80], parent[32], expected[32];
	struct kernel_partition k;
	int rc;

	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	snprintf(path, sizeof(path), "%s/../dev", dir);
	snprintf(expected, sizeof(expected), "%u:%u", major(disk->dev), minor(disk->dev));
	if (file_read_text(path, parent, sizeof(parent)) < 0)
		return err_set(e, errno_code(errno), errno, "read '%s'", path);
	rc = kernel_partition_read(dir, &k, e);
	if (rc < 0)
		return rc;
	if (strcmp(parent, expected) != 0 || !kernel_partition_is(&k, p, disk->sector_bytes))
		return err_set(e, ERR_GPT_DISAGREES, 0, "'%s' is no longer partition %u of '%s'",
			       p->devname, p->number, disk->name);
	return 0;
}

static int check_whole(int fd, const struct disk *disk, const struct partition *p, struct err *e)
{
	uint64_t n_bytes;

	if (ioctl(fd, BLKGETSIZE64, &n_bytes) < 0)
		return err_set(e, errno_code(errno), errno, "ask for the size of '%s'", p->devname);
	if (n_bytes / disk->sector_bytes != p->n_lbas)
		return err_set(e, ERR_GPT_DISAGREES, 0, "'%s' has another size than it had",
			       p->devname);
	return 0;
}

int disk_open_partition(const struct disk *disk, const struct partition *p, struct err *e)
{
	SCOPED(fd_close) int fd = -1;
	dev_t dev;
	int rc;

	if (!p->devname[0])
		return err_set(e, ERR_SYSTEM, 0,
			       "the kernel has no device for partition %u of '%s'", p->number,
			       disk->name);
	fd = device_open(p->devname, &dev, e);
	if (fd < 0)
		return fd;
	rc = p->number ? check_open_partition(dev, disk, p, e) : check_whole(fd, disk, p, e);
	return rc < 0 ? rc : fd_take(&fd);
}
