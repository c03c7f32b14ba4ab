/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/cpio.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	HEADER_BYTES = 110,
	PATH_MAX_BYTES = 4096, /* with its NUL; the kernel skips what is longer */
};

struct cpio {
	cpio_sink sink;
	void *arg;
	uint32_t mtime;
	uint32_t inode;
};

/* Header and name together, and the data, are each padded to four bytes. */
static int pad(const struct cpio *c, size_t n, struct err *e)
{
	static const char zeros[4];

	return n % 4 ? c->sink(c->arg, zeros, 4 - n % 4, e) : 0;
}

static int write_header(struct cpio *c, const struct cpio_entry *entry, uint32_t links,
			struct err *e)
{
	size_t n_name = strlen(entry->path) + 1;
	char header[HEADER_BYTES + 1];
	int rc;

	/* magic, inode, mode, uid, gid, links, mtime, size, device of the file,
	 * device that it is, name with its NUL, checksum */
	snprintf(header, sizeof(header),
		 "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", c->inode,
		 entry->mode, 0, 0, links, c->mtime, (uint32_t)entry->n_data, 0, 0, entry->major,
		 entry->minor, (uint32_t)n_name, 0);
	rc = c->sink(c->arg, header, HEADER_BYTES, e);
	if (rc == 0)
		rc = c->sink(c->arg, entry->path, n_name, e);
	return rc < 0 ? rc : pad(c, HEADER_BYTES + n_name, e);
}

static int write_entry(struct cpio *c, const struct cpio_entry *entry, struct err *e)
{
	int rc;

	c->inode++;
	rc = write_header(c, entry, S_ISDIR(entry->mode) ? 2 : 1, e);
	if (rc == 0 && entry->n_data)
		rc = c->sink(c->arg, entry->data, entry->n_data, e);
	return rc < 0 ? rc : pad(c, entry->n_data, e);
}

static int check_entry(const struct cpio_entry *entry, const struct cpio_entry *before,
		       struct err *e)
{
	size_t n = strlen(entry->path);

	if (n == 0 || n >= PATH_MAX_BYTES || entry->path[0] == '/')
		return err_set(e, ERR_CONFIG, 0, "'%.100s' is no path for an archive", entry->path);
	if (before && strcmp(before->path, entry->path) >= 0)
		return err_set(e, ERR_CONFIG, 0, "'%.100s' does not sort after '%.100s'",
			       entry->path, before->path);
	if (entry->n_data > UINT32_MAX)
		return err_set(e, ERR_CONFIG, 0, "'%.200s' is larger than 4 GiB", entry->path);
	if (S_ISLNK(entry->mode) && (entry->n_data == 0 || entry->n_data >= PATH_MAX_BYTES))
		return err_set(e, ERR_CONFIG, 0, "the target of the link '%.200s' has %zu bytes",
			       entry->path, entry->n_data);
	return 0;
}

int cpio_write(const struct cpio_entry *entries, size_t n, uint32_t mtime, cpio_sink sink,
	       void *arg, struct err *e)
{
	static char trailer_name[] = "TRAILER!!!";
	struct cpio c = { .sink = sink, .arg = arg, .mtime = mtime };
	struct cpio trailer_archive = { .sink = sink, .arg = arg };

	for (size_t i = 0; i < n; i++) {
		int rc = check_entry(&entries[i], i ? &entries[i - 1] : NULL, e);

		if (rc == 0)
			rc = write_entry(&c, &entries[i], e);
		if (rc < 0)
			return rc;
	}
	return write_header(&trailer_archive, &(struct cpio_entry){ .path = trailer_name }, 1, e);
}
