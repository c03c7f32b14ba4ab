/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/handover/handover.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "init/core/file.h"

#define UDEV_DATA "/run/udev/data"

/* "dm-0", for major:minor. */
static int kernel_name(dev_t dev, char ret[static NAME_MAX + 1], struct err *e)
{
	char path[64], target[PATH_MAX];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return err_set(e, ERR_SYSTEM, errno, "read the link '%s'", path);
	target[n] = '\0';
	slash = strrchr(target, '/');
	if (!slash || strncmp(slash, "/dm-", 4) != 0 || strlen(slash) > NAME_MAX)
		return err_set(e, ERR_SYSTEM, 0, "'%s' is no device-mapper device", path);
	strcpy(ret, slash + 1);
	return 0;
}

/* Without udev libdevmapper makes a node, and udev never replaces a node. Never is
 * there a moment without either. */
static int link_mapper(const char *name, dev_t dev, struct err *e)
{
	char kernel[NAME_MAX + 1], path[PATH_MAX], temporary[PATH_MAX], target[NAME_MAX + 4];
	int n, rc = kernel_name(dev, kernel, e);

	if (rc < 0)
		return rc;
	n = snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	if (n < 0 || (size_t)n >= sizeof(path) || strchr(name, '/'))
		return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "device-mapper name '%s'", name);
	snprintf(target, sizeof(target), "../%s", kernel);
	snprintf(temporary, sizeof(temporary), "/dev/mapper/.#%s", kernel);
	unlink(temporary);
	if (symlink(target, temporary) < 0 || rename(temporary, path) < 0)
		return err_set(e, ERR_SYSTEM, errno, "make the link '%s'", path);
	return 0;
}

/* lvm2's rules take a device that the database does not mark for unprepared. More than
 * this mark does harm: udev would apply what we claim instead of its own rules. */
static int mark_ready(dev_t dev, struct err *e)
{
	static const char entry[] = "E:DM_UDEV_PRIMARY_SOURCE_FLAG=1\nV:1\n";
	char path[64], temporary[64];
	int rc;

	snprintf(path, sizeof(path), UDEV_DATA "/b%u:%u", major(dev), minor(dev));
	snprintf(temporary, sizeof(temporary), UDEV_DATA "/.#b%u:%u", major(dev), minor(dev));
	rc = make_dirs(UDEV_DATA, 0755, e);
	/* The sticky bit tells udevadm --cleanup-db to leave the entry alone. */
	if (rc == 0)
		rc = file_write(temporary, 01644, entry, sizeof(entry) - 1, e);
	if (rc == 0 && rename(temporary, path) < 0)
		rc = err_set(e, ERR_SYSTEM, errno, "rename to '%s'", path);
	return rc;
}

int handover_dm_device(const char *name, dev_t dev, bool has_dm_rules, struct err *e)
{
	int rc = link_mapper(name, dev, e);

	if (rc == 0 && has_dm_rules)
		rc = mark_ready(dev, e);
	return rc < 0 ? err_in(e, "handing over '/dev/mapper/%s'", name) : 0;
}
