/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/efivar.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "init/core/cleanup.h"

#define EFIVARS "/sys/firmware/efi/efivars"

enum {
	TRIES = 25, /* the kernel limits the rate of reads with EINTR */
	PATH_BYTES = 160,
};

int efivars_mount(struct err *e)
{
	if (mount("efivarfs", EFIVARS, "efivarfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) < 0 && errno != EBUSY)
		return err_set(e, ERR_EFI_VARIABLE, errno, "mount the EFI variables");
	return 0;
}

static void path_of(const char *name, const char *guid, char ret[static PATH_BYTES])
{
	snprintf(ret, PATH_BYTES, EFIVARS "/%s-%s", name, guid);
}

bool efivar_exists(const char *name, const char *guid)
{
	char path[PATH_BYTES];

	path_of(name, guid, path);
	return access(path, F_OK) == 0;
}

/* A variable is read in one piece: the kernel gives all of it or EINTR. */
static ssize_t read_once(const char *path, struct efivar *ret)
{
	SCOPED(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : read(fd, ret->bytes, sizeof(ret->bytes));
}

int efivar_read(const char *name, const char *guid, struct efivar *ret, struct err *e)
{
	struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	char path[PATH_BYTES];
	ssize_t n;

	path_of(name, guid, path);
	for (unsigned i = 0; (n = read_once(path, ret)) < 0; i++) {
		if (errno == ENOENT)
			return 0;
		if (errno != EINTR || i == TRIES)
			return err_set(e, ERR_EFI_VARIABLE, errno, "read '%s'", name);
		/* No event tells when the kernel's rate limit ends. */
		if (i >= 20)
			nanosleep(&pause, NULL);
	}
	if (n > EFIVAR_MAX_BYTES)
		return err_set(e, ERR_EFI_VARIABLE, EFBIG, "'%s' has more than %d bytes", name,
			       EFIVAR_MAX_BYTES);
	ret->n = (size_t)n;
	return 1;
}

/* The kernel protects variables that it does not know from a slip of the hand. */
static void make_mutable(const char *path)
{
	SCOPED(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	int flags;

	if (fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && flags & FS_IMMUTABLE_FL) {
		flags &= ~FS_IMMUTABLE_FL;
		ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
}

int efivar_write(const char *name, const char *guid, const struct efivar *v, struct err *e)
{
	SCOPED(fd_close) int fd = -1;
	char path[PATH_BYTES];

	path_of(name, guid, path);
	make_mutable(path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	/* In one piece, too. */
	if (fd < 0 || write(fd, v->bytes, v->n) != (ssize_t)v->n)
		return err_set(e, ERR_EFI_VARIABLE, errno, "write '%s'", name);
	return 0;
}

int efivar_remove(const char *name, const char *guid, struct err *e)
{
	char path[PATH_BYTES];

	path_of(name, guid, path);
	make_mutable(path);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(e, ERR_EFI_VARIABLE, errno, "remove '%s'", name);
	return 0;
}
