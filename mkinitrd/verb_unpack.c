/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* unpack: an image as a folder, which 'pack' makes an image of again. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/path.h"
#include "mkinitrd/image.h"
#include "mkinitrd/operands.h"
#include "mkinitrd/verb.h"

static const char help[] =
	"Usage: slipway-mkinitrd unpack IMAGE DIR\n"
	"\n"
	"Unpacks an initrd, or the one of a UKI, into DIR, which must be new or empty. Modes\n"
	"are kept, owners and times are not. Device nodes are left out; the image's manifest\n"
	"has them. Nothing is written outside DIR, and no link is followed.\n"
	"\n"
	"  -h, --help   this text\n";

/* Where an entry goes: an open folder below DIR and a name in it. */
struct spot {
	int folder;
	const char *name;
};

static void spot_close(struct spot *s)
{
	fd_close(&s->folder);
}

/* "..", "." and empty parts could lead elsewhere than they say. */
static bool path_ok(const char *path)
{
	for (;;) {
		size_t n = strcspn(path, "/");

		if (n == 0 || (n == 1 && path[0] == '.') || (n == 2 && memcmp(path, "..", 2) == 0))
			return false;
		if (!path[n])
			return true;
		path += n + 1;
	}
}

static int find_spot(int root, const struct archive_entry *entry, struct spot *ret, struct err *e)
{
	const char *path = archive_path(entry), *slash = strrchr(path, '/');
	char folder[PATH_MAX] = ".";

	if (entry->path[0] == '/' || !path_ok(path))
		return err_set(e, ERR_CONFIG, 0,
			       "the image has the path '%.200s', which is not unpacked: it is absolute or "
			       "has '.', '..' or empty parts",
			       entry->path);
	if (slash)
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	ret->folder = path_open_beneath(root, folder, false);
	ret->name = slash ? slash + 1 : path;
	if (ret->folder < 0)
		return err_set(e, ERR_SYSTEM, errno,
			       "unpack '%.120s': the image has no folder '%.120s' for it", path, folder);
	return 0;
}

static int unpack_file(const struct spot *s, const struct archive_entry *entry, struct err *e)
{
	SCOPED(fd_close) int fd = openat(s->folder, s->name,
					 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || write_full(fd, entry->data.p, entry->data.n) < 0 ||
	    fchmod(fd, entry->mode & 07777) < 0)
		return err_set(e, ERR_SYSTEM, errno, "unpack '%.200s'", entry->path);
	return 0;
}

static int unpack_link(const struct spot *s, const struct archive_entry *entry, struct err *e)
{
	char target[PATH_MAX];

	memcpy(target, entry->data.p, entry->data.n);
	target[entry->data.n] = '\0';
	if (symlinkat(target, s->folder, s->name) < 0)
		return err_set(e, ERR_SYSTEM, errno, "unpack the link '%.200s'", entry->path);
	return 0;
}

/* Folders get their modes last: theirs may forbid to write into them. */
static int unpack_entry(int root, const struct archive_entry *entry, struct err *e)
{
	SCOPED(spot_close) struct spot s = { .folder = -1 };
	int rc = *archive_path(entry) ? find_spot(root, entry, &s, e) : 0;

	if (rc < 0 || !*archive_path(entry))
		return rc;
	switch (entry->mode & S_IFMT) {
	case S_IFREG:
		return unpack_file(&s, entry, e);
	case S_IFLNK:
		return unpack_link(&s, entry, e);
	case S_IFDIR:
		if (mkdirat(s.folder, s.name, 0700) < 0)
			return err_set(e, ERR_SYSTEM, errno, "make the folder '%.200s'", entry->path);
		return 0;
	}
	/* Through err_set() for what a terminal could obey. */
	(void)!err_set(e, ERR_UNSUPPORTED, 0, "'%.200s' is a device node, pipe or socket; left out",
		       entry->path);
	fprintf(stderr, "slipway-mkinitrd: %s\n", e->what);
	return 0;
}

static int set_mode(int root, const struct archive_entry *entry, struct err *e)
{
	SCOPED(fd_close) int fd = path_open_beneath(root, archive_path(entry), false);

	if (fd < 0 || fchmod(fd, entry->mode & 07777) < 0)
		return err_set(e, ERR_SYSTEM, errno, "set the mode of '%.200s'", entry->path);
	return 0;
}

static int unpack(const struct image *i, int root, struct err *e)
{
	SCOPED(mem_free) const struct archive_entry **entries = NULL;
	size_t n = 0;
	int rc = image_sort(i, &entries, &n, e);

	for (size_t k = 0; k < n && rc == 0; k++)
		rc = unpack_entry(root, entries[k], e);
	while (n-- > 0 && rc == 0)
		if (S_ISDIR(entries[n]->mode) && *archive_path(entries[n]))
			rc = set_mode(root, entries[n], e);
	return rc;
}

static int open_folder(const char *path, int *ret, struct err *e)
{
	bool made = mkdir(path, 0755) == 0;
	SCOPED(dir_close) DIR *folder = opendir(path);
	int n = 0;

	if (!folder)
		return err_set(e, ERR_SYSTEM, errno, "open the folder '%s'", path);
	while (!made && readdir(folder))
		n++;
	if (n > 2)
		return err_set(e, ERR_CONFIG, 0, "'%s' is not empty; name a new or an empty folder",
			       path);
	*ret = fcntl(dirfd(folder), F_DUPFD_CLOEXEC, 0);
	return *ret < 0 ? err_set(e, ERR_SYSTEM, errno, "open the folder '%s'", path) : 0;
}

int verb_unpack(int argc, char **argv)
{
	static const struct operands o = {
		.verb = "unpack", .help = help, .min = 2, .max = 2, .wanted = "an image and a folder",
	};
	SCOPED(image_done) struct image i = { 0 };
	SCOPED(fd_close) int root = -1;
	struct err e = { 0 };
	int status;

	if (!operands_parse(&o, argc, argv, &status))
		return status;
	if (image_open(argv[optind], &i, &e) < 0 || open_folder(argv[optind + 1], &root, &e) < 0 ||
	    unpack(&i, root, &e) < 0)
		return verb_failed(&e);
	return STATUS_OK;
}
