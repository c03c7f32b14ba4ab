/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/stub_cpio.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum {
	HEADER_BYTES = 110,
	NAME_MAX_BYTES = 255,
	PATH_BYTES = NAME_MAX_BYTES + 64,
};

static const struct folder {
	const char *name;
	const char *suffix, *not_suffix;
	uint32_t folder_mode, file_mode;
} folders[] = {
	[STUB_CREDENTIALS] = { ".extra/credentials", ".cred", NULL, 0500, 0400 },
	[STUB_GLOBAL_CREDENTIALS] = { ".extra/global_credentials", ".cred", NULL, 0500, 0400 },
	[STUB_CONFEXT] = { ".extra/confext", ".confext.raw", NULL, 0555, 0444 },
	[STUB_GLOBAL_CONFEXT] = { ".extra/global_confext", ".confext.raw", NULL, 0555, 0444 },
	[STUB_SYSEXT] = { ".extra/sysext", ".raw", ".confext.raw", 0555, 0444 },
	[STUB_GLOBAL_SYSEXT] = { ".extra/global_sysext", ".raw", ".confext.raw", 0555, 0444 },
};

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);

	return n >= s && strcasecmp(name + n - s, suffix) == 0;
}

static bool is_plain(const char *name)
{
	size_t n = 0;

	while (name[n] > ' ' && name[n] < 0x7f)
		n++;
	return n && n <= NAME_MAX_BYTES && !name[n] && name[0] != '.';
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct stub_file *)a)->name, ((const struct stub_file *)b)->name);
}

int stub_sort(struct stub_file files[], size_t n, const char *suffix, const char *not_suffix,
	      struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_plain(files[i].name))
			return err_set(e, ERR_CONFIG, 0,
				       "systemd-stub would pass over '%.100s': its name is hidden, too "
				       "long or not plain ASCII",
				       files[i].name);
		if (!ends_with(files[i].name, suffix) ||
		    (not_suffix && ends_with(files[i].name, not_suffix)))
			return err_set(e, ERR_CONFIG, 0,
				       "systemd-stub would pass over '%.100s': it is no '*%s'%s%s",
				       files[i].name, suffix, not_suffix ? ", or a '*" : "",
				       not_suffix ? not_suffix : "");
	}
	if (n)
		qsort(files, n, sizeof(*files), by_name);
	for (size_t i = 1; i < n; i++)
		if (strcmp(files[i - 1].name, files[i].name) == 0)
			return err_set(e, ERR_CONFIG, 0, "'%.100s' is given twice", files[i].name);
	return 0;
}

static int pad(struct buffer *b, size_t n, struct err *e)
{
	static const char zeros[4];

	return n % 4 ? buffer_append(b, zeros, 4 - n % 4, e) : 0;
}

/* Lower-case digits, though the kernel takes either: these bytes are hashed. */
static int add(struct buffer *b, uint32_t *inode, uint32_t mode, const char *path,
	       struct bytes content, struct err *e)
{
	size_t n_path = strlen(path) + 1;
	char header[HEADER_BYTES + 1];
	int rc;

	if (content.n > UINT32_MAX)
		return err_set(e, ERR_CONFIG, 0, "'%s' has 4 GiB or more", path);
	snprintf(header, sizeof(header),
		 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", (*inode)++, mode, 0,
		 0, 1, 0, (uint32_t)content.n, 0, 0, 0, 0, (uint32_t)n_path, 0);
	rc = buffer_append(b, header, HEADER_BYTES, e);
	if (rc == 0)
		rc = buffer_append(b, path, n_path, e);
	if (rc == 0)
		rc = pad(b, HEADER_BYTES + n_path, e);
	if (rc == 0)
		rc = buffer_append(b, content.p, content.n, e);
	return rc == 0 ? pad(b, content.n, e) : rc;
}

static int add_folder(struct buffer *b, uint32_t *inode, uint32_t mode, const char *path,
		      struct err *e)
{
	return add(b, inode, S_IFDIR | mode, path, (struct bytes){ 0 }, e);
}

/* A fixed text of the stub, in upper case. */
static int add_trailer(struct buffer *b, struct err *e)
{
	static const char trailer[] =
		"070701" "00000000" "00000000" "00000000" "00000000" "00000001" "00000000"
		"00000000" "00000000" "00000000" "00000000" "00000000" "0000000B" "00000000"
		"TRAILER!!!\0\0\0"; /* and the fourth NUL is the literal's */

	return buffer_append(b, trailer, sizeof(trailer), e);
}

int stub_cpio_folder(enum stub_folder folder, struct stub_file files[], size_t n,
		     struct buffer *ret, struct err *e)
{
	const struct folder *f = &folders[folder];
	uint32_t inode = 1;
	int rc = stub_sort(files, n, f->suffix, f->not_suffix, e);

	if (rc < 0 || n == 0)
		return rc;
	rc = add_folder(ret, &inode, 0555, ".extra", e);
	if (rc == 0)
		rc = add_folder(ret, &inode, f->folder_mode, f->name, e);
	for (size_t i = 0; i < n && rc == 0; i++) {
		char path[PATH_BYTES];

		snprintf(path, sizeof(path), "%s/%s", f->name, files[i].name);
		rc = add(ret, &inode, S_IFREG | f->file_mode, path, files[i].content, e);
	}
	return rc == 0 ? add_trailer(ret, e) : rc;
}

int stub_cpio_file(const char *name, struct bytes content, struct buffer *ret, struct err *e)
{
	uint32_t inode = 1;
	char path[PATH_BYTES];
	int rc = add_folder(ret, &inode, 0555, ".extra", e);

	snprintf(path, sizeof(path), ".extra/%s", name);
	if (rc == 0)
		rc = add(ret, &inode, S_IFREG | 0444, path, content, e);
	return rc == 0 ? add_trailer(ret, e) : rc;
}
