/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* mkostemp */
#include "mkinitrd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <mbedtls/sha256.h>

#include "init/core/bytes.h"
#include "init/core/cleanup.h"
#include "init/core/file.h"

enum { SHA256_BYTES = 32 };

void buffer_done(struct buffer *b)
{
	free(b->p);
	*b = (struct buffer){ 0 };
}

int buffer_append(void *arg, const void *p, size_t n, struct err *e)
{
	struct buffer *b = arg;

	if (n > b->room - b->n) {
		size_t room = b->room + n > SIZE_MAX / 2 ? 0 : (b->room + n) * 2;
		char *grown = room ? realloc(b->p, room) : NULL;

		if (!grown)
			return err_set(e, ERR_MEMORY, 0, "no memory for an archive of %zu bytes",
				       b->n + n);
		b->p = grown;
		b->room = room;
	}
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	return 0;
}

static int digest(const struct cpio_entry *entry, char ret[static 2 * SHA256_BYTES + 1],
		  struct err *e)
{
	uint8_t hash[SHA256_BYTES];

	if (!S_ISREG(entry->mode) && !S_ISLNK(entry->mode)) {
		strcpy(ret, "-");
		return 0;
	}
	if (mbedtls_sha256((const unsigned char *)entry->data, entry->n_data, hash, 0) != 0)
		return err_set(e, ERR_SYSTEM, 0, "hash '%.200s'", entry->path);
	hex_encode(hash, sizeof(hash), ret);
	return 0;
}

static int write_line(const struct cpio_entry *entry, struct buffer *ret, struct err *e)
{
	char hash[2 * SHA256_BYTES + 1], bytes[32], line[PATH_MAX + 512];
	int used, rc = digest(entry, hash, e);

	if (rc < 0)
		return rc;
	if (S_ISCHR(entry->mode) || S_ISBLK(entry->mode))
		snprintf(bytes, sizeof(bytes), "%u:%u", entry->major, entry->minor);
	else
		snprintf(bytes, sizeof(bytes), "%zu", entry->n_data);
	used = snprintf(line, sizeof(line), "%06o\t%s\t%s\t/%s\t%.200s\n", entry->mode, bytes, hash,
			entry->path, entry->why);
	return buffer_append(ret, line, (size_t)used, e);
}

int manifest_write(const struct initrd *i, uint32_t time, struct buffer *ret, struct err *e)
{
	char head[128];
	int n = snprintf(head, sizeof(head),
			 "# slipway-mkinitrd manifest 1 time=%u\n# mode\tbytes\tsha256\tpath\twhy\n",
			 time);
	int rc = buffer_append(ret, head, (size_t)n, e);

	for (size_t k = 0; k < i->n && rc == 0; k++)
		rc = write_line(&i->entries[k], ret, e);
	return rc;
}

static int finish(int fd, const char *temporary, const char *path, unsigned mode, const void *p,
		  size_t n, struct err *e)
{
	if (fchmod(fd, mode) < 0 || write_full(fd, p, n) < 0 || fsync(fd) < 0)
		return err_set(e, ERR_SYSTEM, errno, "write '%s', which was left as it was", path);
	if (rename(temporary, path) < 0)
		return err_set(e, ERR_SYSTEM, errno, "replace '%s'", path);
	return 0;
}

int output_write(const char *path, unsigned mode, const void *p, size_t n, struct err *e)
{
	SCOPED(fd_close) int fd = -1;
	char temporary[PATH_MAX];
	int rc;

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= PATH_MAX)
		return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "write '%.200s'", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "make a file beside '%s'", path);
	rc = finish(fd, temporary, path, mode, p, n, e);
	if (rc < 0)
		unlink(temporary);
	return rc;
}
