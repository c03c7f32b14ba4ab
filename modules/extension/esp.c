/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/esp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/disk/fat.h"
#include "modules/extension/discover.h"

struct copy {
	const struct esp_request *request;
	const char *folder;
	const struct fat *fat;
	unsigned n_files;
	uint64_t n_bytes;
};

static int read_device(void *arg, uint64_t at, void *ret, size_t n, struct err *e)
{
	return pread_full(*(const int *)arg, ret, n, at, e);
}

static int write_piece(void *arg, const void *p, size_t n, struct err *e)
{
	if (write_full(*(const int *)arg, p, n) < 0)
		return err_set(e, ERR_MEMORY, errno, "copy it into memory");
	return 0;
}

/* A file that is not whole is none. */
static int copy_file(const struct copy *c, const struct fat_file *file, const char *to, struct err *e)
{
	SCOPED(fd_close) int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	int rc;

	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "make '%s'", to);
	rc = fat_copy(c->fat, file, write_piece, &fd, e);
	if (rc < 0)
		unlink(to);
	return rc;
}

/* The size is the folder's word, and the most that is copied. */
static int copy_within_bounds(struct copy *c, const struct fat_file *file, const char *to,
			      struct err *e)
{
	uint64_t left = c->request->max_bytes - c->n_bytes;
	int rc;

	if (file->n_bytes > left)
		return err_set(e, ERR_MEMORY, 0,
			       "'%s' has %" PRIu32 " bytes, and of what may be copied (see "
			       "esp-extensions-max in slipway.conf) %" PRIu64 " are left",
			       file->name, file->n_bytes, left);
	rc = copy_file(c, file, to, e);
	if (rc == 0)
		c->n_bytes += file->n_bytes;
	return rc;
}

static int take(void *arg, const struct fat_file *file, struct err *e)
{
	const struct extension_class *class = extension_class_of(file->name);
	struct copy *c = arg;
	char name[EXTENSION_NAME_BYTES], to[FAT_NAME_BYTES + 64];
	struct err why;

	(void)e;
	if (file->is_folder || !c->request->wanted[class->id] ||
	    extension_name(file->name, class, name) != NAME_GOOD)
		return 0;
	snprintf(to, sizeof(to), "%s/%s/%s", c->request->to, class->name, file->name);
	if (access(to, F_OK) == 0)
		return 0;
	if (c->n_files == MAX_EXTENSIONS) {
		log_warning("extension '%s' in '%s' of the ESP skipped: more than %d", name, c->folder,
			    MAX_EXTENSIONS);
		return 1;
	}
	c->n_files++;
	if (copy_within_bounds(c, file, to, &why) < 0)
		log_warning("extension '%s' in '%s' of the ESP skipped: %s", name, c->folder, why.what);
	return 0;
}

/* What is wrong with one folder does not cost what the others have. */
static void copy_folder(struct copy *c)
{
	struct err why;

	if (fat_list(c->fat, c->folder, take, c, &why) < 0)
		log_warning("what cannot be read of '%s' of the ESP is skipped: %s", c->folder, why.what);
}

static int copy_folders(const struct esp_request *q, struct err *e)
{
	SCOPED(fd_close) int fd = disk_open_partition(q->disk, q->partition, e);
	struct copy c = { .request = q, .folder = q->folders };
	struct fat fat;
	int rc = fd;

	if (rc >= 0)
		rc = fat_open(read_device, &fd, q->partition->n_lbas * q->disk->sector_bytes, &fat, e);
	c.fat = &fat;
	for (size_t i = 0; rc >= 0 && i < q->n_folders; i++, c.folder += strlen(c.folder) + 1)
		copy_folder(&c);
	return rc < 0 ? rc : 0;
}

int esp_copy(const struct esp_request *request, struct err *e)
{
	static const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	int rc = make_dirs(request->to, 0755, e);

	if (rc < 0)
		return rc;
	if (mount("slipway", request->to, "tmpfs", flags, "mode=0700") < 0)
		return err_set(e, ERR_SYSTEM, errno, "mount a tmpfs at '%s'", request->to);
	for (size_t i = 0; rc >= 0 && i < N_EXTENSION_CLASSES; i++) {
		char folder[64];

		snprintf(folder, sizeof(folder), "%s/%s", request->to, extension_classes[i].name);
		rc = make_dirs(folder, 0700, e);
	}
	if (rc >= 0)
		rc = copy_folders(request, e);
	if (rc < 0)
		esp_forget(request->to);
	return rc;
}

void esp_forget(const char *copies)
{
	if (umount2(copies, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		rmdir(copies);
}
