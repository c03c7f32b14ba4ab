/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* O_PATH */
#include "hooks/box.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"

#define CREDENTIALS BOX_FOLDER "/run/credentials"

enum { CREDENTIAL_MAX_BYTES = 1024 * 1024 };

/* Paths in the box are relative to this descriptor of it. */
static int fail(const char *path, struct err *e)
{
	return err_set(e, ERR_SYSTEM, errno, "make '%s' for a hook", path);
}

static int make_folder(int box, const char *path, mode_t mode, uid_t owner, struct err *e)
{
	if (mkdirat(box, path, mode) < 0 || fchownat(box, path, owner, owner, 0) < 0)
		return fail(path, e);
	return 0;
}

static int make_node(int box, const char *path, mode_t mode, dev_t number, uid_t owner, struct err *e)
{
	/* It may be one that every hook has. */
	if ((mknodat(box, path, S_IFCHR | mode, number) < 0 && errno != EEXIST) ||
	    fchmodat(box, path, mode, 0) < 0 || fchownat(box, path, owner, owner, 0) < 0)
		return fail(path, e);
	return 0;
}

static int make_nodes(int box, struct err *e)
{
	static const struct {
		const char *path;
		unsigned minor;
	} nodes[] = {
		{ "dev/null", 3 }, { "dev/zero", 5 }, { "dev/full", 7 }, { "dev/random", 8 },
		{ "dev/urandom", 9 },
	};
	int rc = make_folder(box, "dev", 0755, 0, e);

	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes) && rc == 0; i++)
		rc = make_node(box, nodes[i].path, 0666, makedev(1, nodes[i].minor), 0, e);
	return rc;
}

/* The last name of where a link of this device in /sys leads; false if there is none. */
static bool name_in_sys(dev_t number, const char *link, char ret[static 256])
{
	char path[64], *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u%s", major(number), minor(number), link);
	n = readlink(path, ret, 255);
	ret[n < 0 ? 0 : n] = '\0';
	slash = strrchr(ret, '/');
	if (slash)
		memmove(ret, slash + 1, strlen(slash));
	return n > 0;
}

static bool is_one_of(const char *name, const char *const *names)
{
	while (*names && strcmp(name, *names) != 0)
		names++;
	return *names;
}

/* Some devices of characters take commands for a disk, or for the bus that it is on; one that /sys
 * does not know may. */
static bool may_lead_to_disk(dev_t number)
{
	static const char *const kinds[] = { "bsg", "firewire", "mmc_rpmb", "mtd", "nvme", "nvme-fabrics",
					     "nvme-generic", "scsi_generic", "ubi", "usb", "vfio", NULL };
	static const char *const adapters[] = { "mpt2ctl", "mpt3ctl", "mptctl", NULL };
	char kind[256], name[256];

	return !name_in_sys(number, "/subsystem", kind) || !name_in_sys(number, "", name) ||
	       is_one_of(kind, kinds) || is_one_of(name, adapters);
}

/* The hook's own node: that of the host keeps its owner. */
static int add_device(int box, const char *path, const struct stat *st, struct err *e)
{
	char folder[sizeof(BOX_FOLDER) + DECLARATION_PATH_BYTES];
	int rc;

	/* A disk must be read by nobody before it is proven, and written to by nobody. */
	if (!S_ISCHR(st->st_mode))
		return err_set(e, ERR_HOOK_FAILED, 0, "'%s' is no character device", path);
	if (may_lead_to_disk(st->st_rdev))
		return err_set(e, ERR_HOOK_FAILED, 0, "'%s' takes commands for a disk, or nobody knows", path);
	snprintf(folder, sizeof(folder), BOX_FOLDER "%.*s", (int)(strrchr(path, '/') - path), path);
	rc = make_dirs(folder, 0755, e);
	return rc < 0 ? rc : make_node(box, path + 1, 0600, st->st_rdev, BOX_USER, e);
}

/* Most are reached through links, which would leave the view. */
static int add_attribute(struct box *box, const char *path, const struct stat *st, struct err *e)
{
	SCOPED(fd_close) int fd = open(path, O_PATH | O_CLOEXEC);
	char *real = box->attributes[box->n_attributes], link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, real, BOX_PATH_BYTES - 1);
	if (n < 0 || !S_ISREG(st->st_mode) || strncmp(real, "/sys/", 5) != 0)
		return err_set(e, ERR_HOOK_FAILED, 0, "'%s' is no file of /sys", path);
	box->n_attributes++;
	return 0;
}

static int add_devices(int fd, struct box *box, struct err *e)
{
	const struct declaration *d = &box->hook->declaration;
	int rc = 0;

	for (size_t i = 0; i < d->n_devices && rc >= 0; i++) {
		const char *path = d->devices[i];
		struct stat st;

		if (stat(path, &st) < 0)
			rc = err_set(e, ERR_HOOK_FAILED, errno, "look at its device '%s'", path);
		else if (strncmp(path, "/dev/", 5) == 0)
			rc = add_device(fd, path, &st, e);
		else
			rc = add_attribute(box, path, &st, e);
	}
	return rc;
}

/* What a hook leaves for the host lies in its own /run; here only the folders are made. */
static int add_outputs(int box, const struct declaration *d, struct err *e)
{
	char path[DECLARATION_PATH_BYTES];

	for (size_t i = 0; i < d->n_outputs; i++) {
		strcpy(path, d->outputs[i] + 1);
		for (char *c = strchr(path, '/'); (c = strchr(c + 1, '/')); *c = '/') {
			*c = '\0';
			if (make_folder(box, path, 0755, BOX_USER, e) < 0 && e->errnum != EEXIST)
				return -(int)e->code;
		}
	}
	return 0;
}

/* One that is not there is the hook's to judge. */
static int add_credential(int box, int folder, const char *name, struct err *e)
{
	SCOPED(mem_free) char *data = NULL;
	char path[sizeof(CREDENTIALS) + DECLARATION_NAME_BYTES];
	size_t n;
	int rc = file_read(folder, name, CREDENTIAL_MAX_BYTES, &data, &n, e);

	if (rc < 0)
		return e->errnum == ENOENT ? 0 : rc;
	snprintf(path, sizeof(path), CREDENTIALS "/%s", name);
	rc = file_write(path, 0400, data, n, e);
	explicit_bzero(data, n);
	if (rc >= 0 && fchownat(box, path, BOX_USER, BOX_USER, 0) < 0)
		rc = fail(path, e);
	return rc;
}

static int add_credentials(int box, const struct declaration *d, const char *from, struct err *e)
{
	SCOPED(fd_close) int folder = -1;
	int rc;

	if (!d->n_credentials)
		return 0;
	rc = make_folder(box, "run/credentials", 0500, BOX_USER, e);
	if (rc < 0 || !from)
		return rc;
	folder = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < d->n_credentials && rc >= 0 && folder >= 0; i++)
		rc = add_credential(box, folder, d->credentials[i], e);
	return rc;
}

static int fill(int fd, struct box *box, const char *credentials, struct err *e)
{
	const struct declaration *d = &box->hook->declaration;
	int rc = make_folder(fd, "root", 0755, 0, e);

	if (rc >= 0)
		rc = make_folder(fd, "run", 0755, BOX_USER, e);
	if (rc >= 0)
		rc = add_outputs(fd, d, e);
	if (rc >= 0)
		rc = make_nodes(fd, e);
	if (rc >= 0)
		rc = add_devices(fd, box, e);
	return rc < 0 ? rc : add_credentials(fd, d, credentials, e);
}

int box_open(struct box *box, const char *credentials, struct err *e)
{
	SCOPED(fd_close) int fd = -1;
	int rc = make_dirs(BOX_FOLDER, 0700, e);

	if (rc < 0)
		return rc;
	/* The bound of all that a hook can write. */
	if (mount("slipway-hook", BOX_FOLDER, "tmpfs", MS_NOSUID | MS_NOEXEC,
		  "mode=0700,size=16m,nr_inodes=2k") < 0)
		return fail(BOX_FOLDER, e);
	fd = open(BOX_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail(BOX_FOLDER, e) : fill(fd, box, credentials, e);
}

void box_close(void)
{
	if (umount2(BOX_FOLDER, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL)
		log_warning("'%s' stays mounted: %s", BOX_FOLDER, strerror(errno));
	rmdir(BOX_FOLDER);
}
