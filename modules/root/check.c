/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/root/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/path.h"
#include "modules/root/program.h"
#include "modules/root/systemd.h"

#define SYSROOT "/sysroot"
#define SYSTEMD "/usr/lib/systemd/systemd"
#define SBIN_INIT "/sbin/init"

enum { SYSTEMD_MAX_BYTES = 16 * 1024 * 1024 };

static int check_os_release(int root, bool usr_only, struct root_tree *tree, struct err *e)
{
	SCOPED(fd_close) int fd = path_open_os_release(root, usr_only);
	char text[OS_RELEASE_MAX_BYTES + 1];
	struct stat st;

	if (fd < 0 && errno == EXDEV)
		return err_set(e, ERR_ROOT_NO_OS, 0, "'usr/lib/os-release' leads out of the proven /usr");
	if (fd < 0)
		return err_set(e, ERR_ROOT_NO_OS, errno,
			       "open 'etc/os-release' or 'usr/lib/os-release' in the new root");
	if (fstat(fd, &st) < 0)
		return err_set(e, ERR_SYSTEM, errno, "stat 'os-release' in the new root");
	if (!S_ISREG(st.st_mode) || st.st_size < 0 || st.st_size > OS_RELEASE_MAX_BYTES)
		return err_set(e, ERR_ROOT_NO_OS, 0,
			       "'os-release' is not a file of at most %d bytes",
			       OS_RELEASE_MAX_BYTES);
	if (pread_full(fd, text, (size_t)st.st_size, 0, e) < 0)
		return err_in(e, "'os-release' of the new root");
	text[st.st_size] = '\0';
	root_os_name(text, tree->os, sizeof(tree->os));
	root_image_version(text, tree->version, sizeof(tree->version));
	return 0;
}

static int check_usr(int root, struct err *e)
{
	SCOPED(fd_close) int fd = path_open_inside(root, "usr", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	SCOPED(dir_close) DIR *usr = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!usr)
		return err_set(e, ERR_ROOT_NO_OS, errno,
			       "open the directory 'usr' of the new root");
	fd_take(&fd);
	while ((entry = readdir(usr)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return 0;
	return err_set(e, ERR_ROOT_NO_OS, 0, "'usr' in the new root is empty");
}

static bool is_systemd(int root, const struct stat *init)
{
	SCOPED(fd_close) int fd = path_open_inside(root, SYSTEMD, O_PATH);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == init->st_dev &&
	       st.st_ino == init->st_ino;
}

/* One that cannot be read is of no known version, and whether it starts will be seen. */
static unsigned version_of_systemd(int root)
{
	SCOPED(fd_close) int fd = path_open_inside(root, SYSTEMD, O_RDONLY | O_NONBLOCK);
	SCOPED(mem_free) uint8_t *p = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > SYSTEMD_MAX_BYTES)
		return 0;
	p = malloc((size_t)st.st_size);
	n = p ? read_upto(fd, p, (size_t)st.st_size) : -1;
	return n < 0 ? 0 : systemd_version_of((struct bytes){ p, (size_t)n });
}

/* A link that the switch makes is not there yet. */
static bool will_be_in_usr(int root, const char *path)
{
	char moved[PATH_MAX + 8];

	snprintf(moved, sizeof(moved), "%s%s", path_exists_inside(root, path) ? "" : "/usr", path);
	return path_is_in_usr(root, moved);
}

/* How a program of the new root is looked for. */
struct search {
	int root;
	bool writable, usr_only;
};

static int check_init(const struct search *s, const char *path, struct root_tree *tree, struct err *e)
{
	struct stat st;
	int rc;

	if (*path != '/' || strlen(path) >= sizeof(tree->init))
		return err_set(e, ERR_ROOT_NO_INIT, 0, "init='%s' is not an absolute path", path);
	rc = root_program_check(s->root, s->writable, path, &st, e);
	if (rc < 0)
		return rc;
	if (s->usr_only && !will_be_in_usr(s->root, path))
		return err_set(e, ERR_ROOT_NO_INIT, 0, "init '%s' is not in the proven /usr", path);
	tree->init_is_systemd = is_systemd(s->root, &st);
	tree->systemd_version = tree->init_is_systemd ? version_of_systemd(s->root) : 0;
	snprintf(tree->init, sizeof(tree->init), "%s", tree->init_is_systemd ? SYSTEMD : path);
	return 0;
}

static int check_default_init(const struct search *s, struct root_tree *tree, struct err *e)
{
	struct err other;
	int rc = check_init(s, SYSTEMD, tree, e);

	if (rc == 0 || check_init(s, SBIN_INIT, tree, &other) == 0)
		return 0;
	/* What is wrong with one that is there says more than that one is missing. */
	if (path_exists_inside(s->root, SYSTEMD))
		return rc;
	if (path_exists_inside(s->root, SBIN_INIT))
		*e = other;
	else
		rc = err_set(e, ERR_ROOT_NO_INIT, ENOENT, "'%s' and '%s' in the new root", SYSTEMD,
			     SBIN_INIT);
	return rc;
}

/* A link as a mount point could lead the host's /run anywhere. */
static int check_mount_points(int root, bool writable, struct err *e)
{
	static const char *const names[] = { "dev", "proc", "sys", "run" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		SCOPED(fd_close) int fd = path_open_inside(root, names[i],
							   O_PATH | O_DIRECTORY | O_NOFOLLOW);

		if (fd >= 0 || (errno == ENOENT && writable))
			continue;
		return err_set(e, ERR_SWITCH, errno, "directory '/%s' of the%s root, a mount point",
			       names[i], writable ? "" : " read-only");
	}
	return 0;
}

int root_check_at(const char *sysroot, const char *wished_init, bool usr_only,
		  struct root_tree *ret, struct err *e)
{
	SCOPED(fd_close) int root = open(sysroot, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct search search = { .root = root, .usr_only = usr_only };
	struct root_tree tree = { 0 };
	struct statvfs vfs;
	int rc;

	if (root < 0)
		return err_set(e, ERR_ROOT_NO_OS, errno, "open the new root '%s'", sysroot);
	if (fstatvfs(root, &vfs) < 0)
		return err_set(e, ERR_SYSTEM, errno, "ask for the mount flags of the new root");
	search.writable = !(vfs.f_flag & ST_RDONLY);
	rc = check_usr(root, e);
	if (rc == 0)
		rc = check_os_release(root, usr_only, &tree, e);
	if (rc == 0)
		rc = check_mount_points(root, search.writable, e);
	if (rc == 0)
		rc = wished_init ? check_init(&search, wished_init, &tree, e) :
				   check_default_init(&search, &tree, e);
	if (rc < 0)
		return rc;
	tree.has_dm_rules = path_exists_inside(root, "usr/lib/udev/rules.d/10-dm.rules") ||
			    path_exists_inside(root, "usr/lib/udev/rules.d/55-dm.rules");
	*ret = tree;
	return 0;
}

int root_check(const char *wished_init, bool usr_only, struct root_tree *ret, struct err *e)
{
	struct statx stx;

	if (statx(AT_FDCWD, SYSROOT, AT_SYMLINK_NOFOLLOW, 0, &stx) < 0)
		return err_set(e, ERR_SWITCH, errno, "look at '%s'", SYSROOT);
	if (!(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return err_set(e, ERR_SWITCH, 0, "nothing is mounted at '%s'", SYSROOT);
	return root_check_at(SYSROOT, wished_init, usr_only, ret, e);
}
