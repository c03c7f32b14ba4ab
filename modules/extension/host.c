/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "modules/disk/disk.h"

enum { PIECE_BYTES = 1024 * 1024 };

/* What one file comes from: bytes, or n_bytes that are read from a device; 0 for all it has. */
struct source {
	const char *suffix;
	const void *bytes;
	int fd;
	uint64_t n_bytes;
};

static void path_of(const struct extension_class *class, const char *name, const char *suffix,
		    char ret[static PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/%s%s", class->host_folder, name, suffix);
}

static int write_piece(int to, const char *path, const void *p, size_t n, struct err *e)
{
	if (write_full(to, p, n) < 0)
		return err_set(e, errno == ENOSPC ? ERR_MEMORY : ERR_SYSTEM, errno, "write '%s'", path);
	return 0;
}

static int copy_device(const struct source *s, int to, const char *path, struct err *e)
{
	SCOPED(mem_free) void *piece = malloc(PIECE_BYTES);
	uint64_t left = s->n_bytes ? s->n_bytes : UINT64_MAX;
	ssize_t n = 1;

	if (!piece)
		return err_set(e, ERR_MEMORY, 0, "copy an extension: no memory");
	while (left && n > 0) {
		int rc;

		n = read_upto(s->fd, piece, left < PIECE_BYTES ? (size_t)left : PIECE_BYTES);
		if (n < 0)
			return err_set(e, errno == EIO ? ERR_EXTENSION_UNPROVEN : ERR_SYSTEM, errno,
				       "read all of it through dm-verity");
		rc = write_piece(to, path, piece, (size_t)n, e);
		if (rc < 0)
			return rc;
		left -= (uint64_t)n;
	}
	return 0;
}

static int make_file(const struct source *s, const char *path, struct err *e)
{
	SCOPED(fd_close) int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	int rc;

	if (to < 0)
		return err_set(e, errno == EEXIST ? ERR_EXTENSION_DUPLICATE : ERR_SYSTEM, errno,
			       "make '%s' for the host", path);
	rc = s->bytes ? write_piece(to, path, s->bytes, (size_t)s->n_bytes, e) :
			copy_device(s, to, path, e);
	if (rc < 0)
		unlink(path);
	return rc;
}

static int make_files(const struct extension_class *class, const char *name,
		      const struct source sources[], size_t n, struct err *e)
{
	char path[PATH_MAX];
	int rc = make_dirs(class->host_folder, 0755, e);
	size_t made = 0;

	for (; rc == 0 && made < n; made += rc == 0) {
		path_of(class, name, sources[made].suffix, path);
		rc = make_file(&sources[made], path, e);
	}
	while (rc < 0 && made-- > 0) {
		path_of(class, name, sources[made].suffix, path);
		unlink(path);
	}
	return rc;
}

int host_place(const struct image *image, const struct extension_class *class, const char *name,
	       struct err *e)
{
	const struct verity_set *set = &image->set;
	SCOPED(fd_close) int data = open(volume_path(image->volume), O_RDONLY | O_CLOEXEC);
	SCOPED(fd_close) int hash = -1;
	const char *root_hash = volume_root_hash(image->volume);

	if (data < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%s'", volume_path(image->volume));
	/* Without its partition table nobody would know where the tree starts. */
	if (set->designator != DPS_ROOT)
		return err_set(e, ERR_EXTENSION_MALFORMED, 0,
			       "its tree is in a usr partition; only that of a root partition can be "
			       "handed to the host");
	hash = disk_open_partition(&image->disk, set->hash, e);
	if (hash < 0)
		return hash;
	return make_files(class, name, (const struct source[]){
		{ ".raw", NULL, data, 0 },
		{ ".verity", NULL, hash, set->hash->n_lbas * image->disk.sector_bytes },
		{ ".roothash", root_hash, -1, strlen(root_hash) },
		{ ".roothash.p7s", set->parsed.der, -1, set->parsed.der_bytes },
	}, 4, e);
}

void host_remove(const struct extension_class *class, const char *name)
{
	static const char *const suffixes[] = { ".raw", ".verity", ".roothash", ".roothash.p7s" };
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		path_of(class, name, suffixes[i], path);
		unlink(path);
	}
}
