/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/credential_store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"

/* Not in the musl of all distributions. */
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

#define FOLDER "/run/credentials"

enum { MOUNT_FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW };

bool credential_name_valid(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (; *name; name++)
		if (*name < ' ' || *name > '~' || *name == '/' || *name == ':')
			return false;
	return true;
}

/* The warnings of a boot have little room, and others must not be lost for these. */
void credential_skip(struct credential_store *s, const char *from, const char *name, const char *why)
{
	if (s->n_skipped++ >= CREDENTIAL_SKIPS_SAID)
		return;
	if (name)
		log_warning("credential '%s' of %s skipped: %s", name, from, why);
	else
		log_warning("a credential of %s skipped: %s", from, why);
}

static int mount_memory(const char *path, struct err *e)
{
	static const struct {
		const char *type, *options;
	} kinds[] = {
		{ "tmpfs", "mode=0700,size=1M,nr_inodes=1024,noswap" }, /* since Linux 6.4 */
		{ "ramfs", "mode=0700" },
		{ "tmpfs", "mode=0700,size=1M,nr_inodes=1024" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (mount(kinds[i].type, path, kinds[i].type, MOUNT_FLAGS, kinds[i].options) == 0)
			return 0;
	return err_set(e, ERR_SYSTEM, errno, "mount '%s'", path);
}

static int open_store(struct credential_store *s, struct err *e)
{
	int rc = make_dirs(FOLDER, 0755, e);

	if (rc >= 0)
		rc = make_dirs(s->path, 0700, e);
	if (rc >= 0 && s->own_mount)
		rc = mount_memory(s->path, e);
	if (rc < 0)
		return rc;
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return s->fd < 0 ? err_set(e, ERR_SYSTEM, errno, "open '%s'", s->path) : 0;
}

/* Returns 0, or an errno. */
static int write_new(int dir_fd, const struct credential *c)
{
	SCOPED(fd_close) int fd = openat(dir_fd, c->name,
					 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	int failed;

	if (fd < 0)
		return errno;
	if (write_full(fd, c->p, c->n) == 0)
		return 0;
	failed = errno;
	unlinkat(dir_fd, c->name, 0);
	return failed;
}

int credential_store_add(struct credential_store *s, const struct credential *c, struct err *e)
{
	int rc = 0;

	if (c->n > CREDENTIAL_MAX_BYTES - s->n_bytes) {
		credential_skip(s, c->from, c->name, "with it there would be more than 1 MiB");
		return 0;
	}
	if (s->n == CREDENTIAL_MAX) {
		credential_skip(s, c->from, c->name, "there would be more than 1023");
		return 0;
	}
	if (s->fd < 0)
		rc = open_store(s, e);
	if (rc < 0)
		return rc;
	switch (write_new(s->fd, c)) {
	case 0:
		s->n++;
		s->n_bytes += c->n;
		break;
	case EEXIST:
		log_info("credential '%s' of %s is skipped, there is one of that name already",
			 c->name, c->from);
		break;
	case ENOSPC:
		credential_skip(s, c->from, c->name, "there is no room for it");
		break;
	default:
		credential_skip(s, c->from, c->name, "it cannot be written");
	}
	return 0;
}

void credential_store_close(struct credential_store *s)
{
	if (s->n_skipped > CREDENTIAL_SKIPS_SAID)
		log_warning("%zu more credentials are skipped", s->n_skipped - CREDENTIAL_SKIPS_SAID);
	if (s->fd < 0)
		return;
	close(s->fd);
	s->fd = -1;
	if (!s->read_only)
		return;
	/* Of this mount only: the host may add to the file system. */
	if ((!s->own_mount && mount(s->path, s->path, NULL, MS_BIND, NULL) < 0) ||
	    mount(NULL, s->path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MOUNT_FLAGS, NULL) < 0)
		log_warning("cannot make '%s' read-only, leaving it writable: %m", s->path);
}
