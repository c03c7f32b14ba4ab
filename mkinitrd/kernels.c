/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/kernels.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"

static const char *const places[] = { "usr/lib/modules", "lib/modules" };

enum { N_PLACES = sizeof(places) / sizeof(*places) };

int kernel_folder(const char *sysroot, const char *version, char ret[static PATH_MAX],
		  struct err *e)
{
	for (size_t i = 0; i < N_PLACES; i++) {
		struct stat st;
		int n = snprintf(ret, PATH_MAX, "%s/%s/%s", sysroot, places[i], version);

		if (n >= PATH_MAX)
			return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "open '%.200s'", sysroot);
		if (stat(ret, &st) == 0)
			return 0;
		if (errno != ENOENT)
			return err_set(e, ERR_SYSTEM, errno, "open '%s'", ret);
	}
	return err_set(e, ERR_MODULES, 0,
		       "'%.160s/usr/lib/modules' and '/lib/modules' there have no '%.64s'; correct "
		       "--sysroot or --kernel-version, or use --profile=none",
		       sysroot, version);
}

static int add_names(DIR *folder, struct words *ret, struct err *e)
{
	struct dirent *entry;
	int rc = 0;

	while (rc == 0 && (entry = readdir(folder))) {
		struct stat st;

		if (entry->d_name[0] != '.' &&
		    fstatat(dirfd(folder), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode))
			rc = words_push(ret, entry->d_name, e);
	}
	return rc;
}

int kernels_add_only(const char *sysroot, struct words *ret, struct err *e)
{
	SCOPED(dir_close) DIR *folder = NULL;
	char path[PATH_MAX] = "";
	int rc;

	for (size_t i = 0; i < N_PLACES && !folder; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", sysroot, places[i]) >= PATH_MAX)
			return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "open '%.200s'", sysroot);
		folder = opendir(path);
	}
	if (!folder)
		return err_set(e, ERR_CONFIG, 0,
			       "'%.200s' cannot be opened; say with --sysroot where the kernel's "
			       "modules are, or use --profile=none",
			       path);
	rc = add_names(folder, ret, e);
	if (rc < 0 || ret->n == 1)
		return rc;
	if (ret->n == 0)
		return err_set(e, ERR_CONFIG, 0,
			       "'%.150s' has no kernel; correct --sysroot or use --profile=none",
			       path);
	return err_set(e, ERR_CONFIG, 0,
		       "'%.120s' has %zu kernels, '%.50s' and '%.50s' among them; say with "
		       "--kernel-version which",
		       path, ret->n, ret->v[0], ret->v[1]);
}
