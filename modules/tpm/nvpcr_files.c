/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/nvpcr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/text.h"

static const char *const folders[] = { "/etc", "/run", "/usr/local/lib", "/usr/lib" };

static const char suffix[] = ".nvpcr";

/* Is this the first folder that has the name? */
static bool is_first(const char *root, size_t folder, const char *name)
{
	char path[512];

	for (size_t i = 0; i < folder; i++) {
		snprintf(path, sizeof(path), "%s%s/nvpcr/%s", root, folders[i], name);
		if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return false;
	}
	return true;
}

static int load_file(int dir_fd, const char *name, struct nvpcrs *all, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	struct nvpcr one;
	char stem[256];
	size_t n = 0;
	int rc = file_read(dir_fd, name, NVPCR_FILE_MAX_BYTES, &text, &n, e);

	if (rc < 0 || n == 0)
		return rc;
	snprintf(stem, sizeof(stem), "%.*s", (int)(strlen(name) - strlen(suffix)), name);
	rc = nvpcr_parse((struct bytes){ (const uint8_t *)text, n }, stem, &one, e);
	return rc < 0 ? rc : nvpcrs_add(all, &one, e);
}

static int load_folder(const char *root, size_t folder, struct nvpcrs *all, struct err *e)
{
	SCOPED(dir_close) DIR *dir = NULL;
	char path[256];
	int rc = 0;

	snprintf(path, sizeof(path), "%s%s/nvpcr", root, folders[folder]);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : err_set(e, ERR_SYSTEM, errno, "open '%s'", path);
	for (struct dirent *d; rc == 0 && (errno = 0, d = readdir(dir));)
		if (text_has_suffix(d->d_name, suffix) && is_first(root, folder, d->d_name))
			rc = load_file(dirfd(dir), d->d_name, all, e);
	if (rc == 0 && errno)
		rc = err_set(e, ERR_SYSTEM, errno, "list '%s'", path);
	return rc < 0 ? err_in(e, "'%s'", path) : 0;
}

int nvpcrs_load(const char *root, struct nvpcrs *ret, struct err *e)
{
	struct nvpcrs all = { 0 };
	int rc = 0;

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders) && rc == 0; i++)
		rc = load_folder(root, i, &all, e);
	if (rc == 0)
		*ret = all;
	return rc;
}
