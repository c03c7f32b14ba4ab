/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/root/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/root/options.h"
#include "modules/root/state.h"

#define SYSROOT "/sysroot"
/* Where the parts of a volatile root lie until they are one tree. */
#define SCRATCH "/run/slipway/volatile"
#define VOLATILE_LINK "/run/systemd/volatile-root"

static int make_dir(const char *path, struct err *e)
{
	if (make_dirs(path, 0755, e) < 0)
		return err_in(e, "the new root");
	return 0;
}

static const char *path_of(const struct root_request *r)
{
	return r->unlocked ? luks_path(r->unlocked) : volume_path(r->volume);
}

static dev_t dev_of(const struct root_request *r)
{
	return r->unlocked ? luks_dev(r->unlocked) : volume_dev(r->volume);
}

static bool is_writable(const struct root_request *r)
{
	return r->unlocked && r->writable && r->volatile_mode != VOLATILE_YES &&
	       r->volatile_mode != VOLATILE_OVERLAY;
}

bool root_is_writable(const struct root_request *r)
{
	return r->state ? r->state->writable : is_writable(r);
}

static int mount_error(const struct root_request *r, const char *target, int errnum,
		       struct err *e)
{
	/* "No such device" would send the reader to the wrong place. */
	if (errnum == ENODEV)
		return err_set(e, ERR_ROOT_MOUNT, 0,
			       "the kernel has no driver for file system '%s'", r->filesystem);
	return err_set(e, ERR_ROOT_MOUNT, errnum, "mount '%s' (%s) at '%s'",
		       path_of(r), r->filesystem, target);
}

/* Here, because an overlay shows the attributes of the layer above. */
static int read_purpose(const char *target, struct purpose *ret, struct err *e)
{
	SCOPED(fd_close) int fd = open(target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, ERR_ROOT_MOUNT, errno, "open '%s'", target);
	return purpose_read(fd, ret, e);
}

static int mount_volume(const struct root_request *r, const char *target, struct err *e)
{
	const char *path = path_of(r);
	struct root_options o;
	const char *rest;
	int rc = root_options_parse(r->filesystem, r->options, is_writable(r), &o, e);

	if (rc == 0)
		rc = make_dir(target, e);
	if (rc < 0)
		return rc;
	if (mount(path, target, r->filesystem, o.flags, o.data) == 0)
		return read_purpose(target, r->ret_purpose, e);
	/* Kernels before 5.9 do not know btrfs's first word, which a clean log needs not. */
	rest = strchr(o.data, ',');
	if (errno == EINVAL && strcmp(r->filesystem, "btrfs") == 0 &&
	    mount(path, target, r->filesystem, o.flags, rest ? rest + 1 : "") == 0)
		return read_purpose(target, r->ret_purpose, e);
	return mount_error(r, target, errno, e);
}

/* Of equal options the kernel takes the last one. */
static int mount_tmpfs(const char *target, const char *options, struct err *e)
{
	struct root_options o;
	char data[sizeof(o.data) + 64];
	int rc = root_options_parse("tmpfs", options, false, &o, e);

	if (rc == 0)
		rc = make_dir(target, e);
	if (rc < 0)
		return rc;
	snprintf(data, sizeof(data), "mode=0755,size=25%%,nr_inodes=1m%s%s", *o.data ? "," : "", o.data);
	if (mount("tmpfs", target, "tmpfs", (o.flags & ~(unsigned long)MS_RDONLY) | MS_STRICTATIME,
		  data) < 0)
		return err_set(e, ERR_ROOT_MOUNT, errno, "mount a tmpfs at '%s' with '%s'", target, data);
	return 0;
}

/* The volume below, a tmpfs above. */
static int lay_overlay(const struct root_request *r, struct err *e)
{
	/* What rootflags= takes away, the layer above must not give back. */
	static const unsigned long narrowing = MS_NODEV | MS_NOSUID | MS_NOEXEC | MS_NOSYMFOLLOW;
	struct root_options o;
	int rc = root_options_parse(r->filesystem, r->options, false, &o, e);

	if (rc == 0)
		rc = mount_tmpfs(SCRATCH, NULL, e);
	if (rc == 0)
		rc = mount_volume(r, SCRATCH "/lower", e);
	if (rc == 0)
		rc = make_dir(SCRATCH "/upper", e);
	if (rc == 0)
		rc = make_dir(SCRATCH "/work", e);
	if (rc == 0)
		rc = make_dir(SYSROOT, e);
	if (rc < 0)
		return rc;
	if (mount("overlay", SYSROOT, "overlay", o.flags & narrowing,
		  "lowerdir=" SCRATCH "/lower,upperdir=" SCRATCH "/upper,"
		  "workdir=" SCRATCH "/work") < 0)
		return err_set(e, ERR_ROOT_MOUNT, errno, "mount the volatile overlay at '%s'",
			       SYSROOT);
	return 0;
}

/* The volume over the /usr of a root partition that nothing proves. */
static int lay_state(const struct root_request *r, struct err *e)
{
	const struct root_state *s = r->state;
	SCOPED(fd_close) int root = -1;
	struct root_options o;
	int rc = root_options_parse(s->filesystem, s->options, s->writable, &o, e);

	if (rc == 0)
		rc = make_dir(SYSROOT, e);
	if (rc < 0)
		return rc;
	if (mount(s->path, SYSROOT, s->filesystem, o.flags, o.data) < 0)
		return err_set(e, ERR_ROOT_MOUNT, errno, "mount the root partition '%s' (%s)", s->path,
			       s->filesystem);
	rc = read_purpose(SYSROOT, s->ret_purpose, e);
	if (rc < 0)
		return rc;
	root = open(SYSROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%s'", SYSROOT);
	rc = root_state_check(root, s->writable, e);
	if (rc < 0)
		return err_in(e, "the root partition '%s'", s->path);
	return mount_volume(r, SYSROOT "/usr", e);
}

/* A tmpfs with nothing of the volume but its /usr. The bind mount inherits that the
 * volume is mounted read-only, nodev. */
static int lay_usr(const struct root_request *r, struct err *e)
{
	SCOPED(fd_close) int usr = -1;
	char from[64];
	int rc = mount_tmpfs(SYSROOT, NULL, e);

	if (rc == 0)
		rc = mount_volume(r, SCRATCH, e);
	if (rc == 0)
		rc = make_dir(SYSROOT "/usr", e);
	if (rc < 0)
		return rc;
	/* By descriptor: a link there must not put another tree in its place. */
	usr = open(SCRATCH "/usr", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (usr < 0)
		return err_set(e, ERR_ROOT_MOUNT, errno, "open the directory '/usr' of '%s'",
			       path_of(r));
	snprintf(from, sizeof(from), "/proc/self/fd/%d", usr);
	if (mount(from, SYSROOT "/usr", NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_set(e, ERR_ROOT_MOUNT, errno, "bind '/usr' into the volatile root");
	return 0;
}

/* The layers hold what they need; a mount left in the hidden initrd would keep the
 * device busy at shutdown. */
static void forget_scratch(void)
{
	if (umount2(SCRATCH, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
		log_warning("cannot unmount '%s', leaving it: %m", SCRATCH);
	rmdir(SCRATCH);
}

/* Names the real device to the host's systemd, which sees an overlay or a tmpfs. */
static int link_volatile(dev_t dev, struct err *e)
{
	char target[64];
	int rc = make_dir("/run/systemd", e);

	if (rc < 0)
		return rc;
	snprintf(target, sizeof(target), "/dev/block/%u:%u", major(dev), minor(dev));
	unlink(VOLATILE_LINK);
	if (symlink(target, VOLATILE_LINK) < 0)
		return err_set(e, ERR_ROOT_MOUNT, errno, "make the link '%s'", VOLATILE_LINK);
	return 0;
}

static int lay_volatile(const struct root_request *r, struct err *e)
{
	int rc = r->volatile_mode == VOLATILE_OVERLAY ? lay_overlay(r, e) : lay_usr(r, e);

	forget_scratch();
	return rc < 0 ? rc : link_volatile(dev_of(r), e);
}

static int lay_root(const struct root_request *r, struct err *e)
{
	int rc;

	if (r->state)
		return lay_state(r, e);
	if (r->tmpfs) {
		rc = mount_tmpfs(SYSROOT, r->tmpfs, e);
		return rc < 0 ? rc : mount_volume(r, SYSROOT "/usr", e);
	}
	if (r->volatile_mode == VOLATILE_YES || r->volatile_mode == VOLATILE_OVERLAY)
		return lay_volatile(r, e);
	return mount_volume(r, SYSROOT, e);
}

int root_mount(const struct root_request *request, struct err *e)
{
	int rc = lay_root(request, e);

	if (rc < 0)
		root_unmount();
	return rc;
}

void root_unmount(void)
{
	umount2(SYSROOT "/usr", UMOUNT_NOFOLLOW);
	if (umount2(SYSROOT, 0) < 0 && errno == EBUSY)
		umount2(SYSROOT, MNT_DETACH);
	unlink(VOLATILE_LINK);
}
