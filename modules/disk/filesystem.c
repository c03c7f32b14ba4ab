/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/disk/filesystem.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "init/core/cleanup.h"

bool filesystem_is_luks(const uint8_t start[static LUKS_MAGIC_BYTES])
{
	return memcmp(start, "LUKS\xba\xbe", LUKS_MAGIC_BYTES) == 0;
}

static void probe_free(blkid_probe *probe)
{
	if (*probe)
		blkid_free_probe(*probe);
}

static bool is_mountable(const char *type)
{
	static const char *const types[] = {
		"btrfs", "erofs", "ext4", "f2fs", "squashfs", "vfat", "xfs",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

/* What looks like a member of an array is let be: such superblocks lie at the end
 * and may be left-overs. Swap and LUKS are found, to be refused by name. */
static bool prepare(blkid_probe probe, int fd, uint64_t at, uint64_t n_bytes)
{
	return blkid_probe_set_device(probe, fd, (blkid_loff_t)at, (blkid_loff_t)n_bytes) == 0 &&
	       blkid_probe_enable_superblocks(probe, 1) == 0 &&
	       blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_FSINFO |
							       BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL) == 0 &&
	       blkid_probe_filter_superblocks_usage(probe, BLKID_FLTR_NOTIN, BLKID_USAGE_RAID) == 0;
}

/* A volume that was cut short mounts, with some drivers, and errs only where its files are read: and the
 * root hash of dm-verity says nothing of how many blocks there are. */
static int check_fit(blkid_probe probe, const char *type, struct err *e)
{
	uint64_t has = (uint64_t)blkid_probe_get_size(probe), wants;
	const char *text;

	if (blkid_probe_lookup_value(probe, "FSSIZE", &text, NULL) < 0)
		return 0;
	wants = strtoull(text, NULL, 10);
	if (wants <= has)
		return 0;
	return err_set(e, ERR_ROOT_MOUNT, 0,
		       "the content, '%s', is cut short: the file system has %llu bytes, the volume %llu", type,
		       (unsigned long long)wants, (unsigned long long)has);
}

int filesystem_probe(int fd, uint64_t at, uint64_t n_bytes,
		     char ret[static FILESYSTEM_NAME_BYTES], struct err *e)
{
	SCOPED(probe_free) blkid_probe probe = blkid_new_probe();
	const char *type;
	int rc;

	if (!probe)
		return err_set(e, ERR_MEMORY, 0, "no memory to look for a file system");
	if (!prepare(probe, fd, at, n_bytes))
		return err_set(e, ERR_ROOT_MOUNT, 0, "libblkid cannot look for a file system");
	errno = 0;
	rc = blkid_do_safeprobe(probe); /* 0: one; 1: none; -2, and with libblkid 2.41 also -1: several */
	if (rc < 0 && errno)
		return err_set(e, ERR_ROOT_MOUNT, errno, "the content cannot be read");
	if (rc < 0)
		return err_set(e, ERR_ROOT_MOUNT, 0, "the content looks like several file systems");
	if (rc > 0 || blkid_probe_lookup_value(probe, "TYPE", &type, NULL) < 0)
		return err_set(e, ERR_ROOT_MOUNT, 0, "the content is no known file system");
	if (!is_mountable(type))
		return err_set(e, ERR_ROOT_MOUNT, 0,
			       "the content is '%s', which is not mounted unasked", type);
	rc = check_fit(probe, type, e);
	if (rc < 0)
		return rc;
	snprintf(ret, FILESYSTEM_NAME_BYTES, "%s", type);
	return 0;
}

bool filesystem_has(int fd, enum filesystem_tag tag, const char *value)
{
	SCOPED(probe_free) blkid_probe probe = blkid_new_probe();
	const char *text;

	if (!probe || !prepare(probe, fd, 0, 0) || blkid_do_safeprobe(probe) != 0 ||
	    blkid_probe_lookup_value(probe, tag == FILESYSTEM_UUID ? "UUID" : "LABEL", &text, NULL) < 0)
		return false;
	return (tag == FILESYSTEM_UUID ? strcasecmp(text, value) : strcmp(text, value)) == 0;
}
