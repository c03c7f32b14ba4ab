/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An extension: would it be proven, accepted and merged? */
#include "mkinitrd/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "mkinitrd/program.h"
#include "modules/disk/filesystem.h"
#include "modules/extension/judge.h"
#include "modules/extension/metadata.h"
#include "modules/extension/name.h"
#include "modules/extension/release.h"
#include "modules/extension/tree.h"

enum { COPY_BYTES = 1024 * 1024 };

struct extension {
	const char *path;
	const struct extension_class *class;
	char name[EXTENSION_NAME_BYTES];
	struct verify_medium medium;
	struct verity_set set;
	struct policy policy;
	uint64_t at, n_bytes; /* of the proven file system */
	char filesystem[FILESYSTEM_NAME_BYTES];
};

static void extension_done(struct extension *x)
{
	verity_set_done(&x->set);
	verify_medium_done(&x->medium);
}

static int failed(struct verify *v, const struct extension *x, const struct err *e)
{
	report_error(&v->report, x->path, e);
	return -1;
}

static int check_name(struct verify *v, struct extension *x)
{
	const char *slash = strrchr(x->path, '/');
	const char *file = slash ? slash + 1 : x->path;

	x->class = extension_class_of(file);
	if (extension_name(file, x->class, x->name) != NAME_GOOD) {
		report_add(&v->report, VERDICT_FAIL, x->path,
			   "is not called as an extension is, so it would be left alone; name it "
			   "NAME.sysext.raw or NAME.confext.raw");
		return -1;
	}
	if (!(x->class->id == SYSEXT ? v->options.sysext : v->options.confext))
		report_add(&v->report, VERDICT_NOTE, x->path,
			   "would not be merged: the command line says rd.systemd.%s=no",
			   x->class->name);
	return 0;
}

static int choose(struct verify *v, struct extension *x)
{
	struct err e = { 0 };
	int rc = policy_parse(x->class->policy, &x->policy, &e);

	if (rc >= 0)
		rc = extension_choose_set(&x->medium.gpt, &x->policy, verify_medium_read, &x->medium,
					  &x->set, &e);
	return rc < 0 ? failed(v, x, &e) : 0;
}

static int check_filesystem(struct verify *v, struct extension *x)
{
	struct err e = { 0 };

	if (filesystem_probe(x->medium.fd, x->at, x->n_bytes, x->filesystem, &e) < 0 ||
	    extension_check_filesystem(x->filesystem, x->set.designator, &x->policy, &e) < 0)
		return failed(v, x, &e);
	if (verify_driver(v, x->filesystem, VERDICT_FAIL, x->path, true))
		report_add(&v->report, VERDICT_OK, x->path, "its file system is %s%s", x->filesystem,
			   v->kmod ? ", whose driver is there" : "");
	return 0;
}

/* ---- what is inside ---- */

static int copy_out(const struct extension *x, const char *path, struct err *e)
{
	SCOPED(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	SCOPED(mem_free) uint8_t *buf = malloc(COPY_BYTES);

	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "make '%s'", path);
	if (!buf)
		return err_set(e, ERR_MEMORY, 0, "no memory to copy an extension");
	for (uint64_t done = 0; done < x->n_bytes;) {
		uint64_t left = x->n_bytes - done;
		size_t n = left < COPY_BYTES ? (size_t)left : COPY_BYTES;
		int rc = pread_full(x->medium.fd, buf, n, x->at + done, e);

		if (rc < 0)
			return rc;
		if (write_full(fd, buf, n) < 0)
			return err_set(e, ERR_SYSTEM, errno, "write '%s'", path);
		done += n;
	}
	return 0;
}

/* Unpacks into top, or top/usr if it is a usr partition, as it would be mounted. */
static int unpack(const struct extension *x, const char *image, const char *top, struct err *e)
{
	char to[PATH_MAX], option[PATH_MAX + 16];
	char *erofs[] = { "fsck.erofs", option, "--no-preserve", (char *)image, NULL };
	char *squashfs[] = { "unsquashfs", "-quiet", "-no-progress", "-dest", to, (char *)image, NULL };
	int rc;

	snprintf(to, sizeof(to), "%s%s", top, x->set.designator == DPS_USR ? "/usr" : "");
	snprintf(option, sizeof(option), "--extract=%s", to);
	rc = make_dirs(top, 0700, e);
	if (rc < 0)
		return rc;
	if (strcmp(x->filesystem, "erofs") == 0)
		return program_run(erofs, "install erofs-utils", e);
	if (strcmp(x->filesystem, "squashfs") == 0)
		return program_run(squashfs, "install squashfs-tools", e);
	return err_set(e, ERR_UNSUPPORTED, 0, "only erofs and squashfs are looked into");
}

static int read_identity(const struct verify *v, struct release *ret, struct err *e)
{
	const struct archive_entry *a = image_find(&v->image, "/etc/initrd-release");

	if (!a)
		return err_set(e, ERR_EXTENSION_MISMATCH, 0,
			       "the image has no /etc/initrd-release, so only extensions for any system fit");
	return release_parse((const char *)a->data.p, a->data.n, ret, e);
}

static bool in_initrd(const void *image, const char *path)
{
	return image_find(image, path);
}

/* As accept_tree() of the boot. */
static int accept_tree(const struct verify *v, const struct extension *x, const char *top,
		       struct err *e)
{
	SCOPED(fd_close) int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SCOPED(release_done) struct release release = { 0 };
	SCOPED(release_done) struct release initrd = { 0 };
	const struct tree_hooks hooks = { in_initrd, &v->image };
	struct err unusable;
	int rc;

	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%s'", top);
	if (read_identity(v, &initrd, &unusable) < 0)
		initrd = (struct release){ 0 }; /* as at boot: then only those for any system fit */
	rc = metadata_read(fd, x->class, x->name, &release, e);
	if (rc >= 0)
		rc = release_match(&release, &initrd, "initrd", x->class, x->name, e);
	return rc < 0 ? rc : tree_check(fd, x->class, v->config.hook_extensions ? &hooks : NULL, e);
}

static void check_tree(struct verify *v, const struct extension *x)
{
	char image[SCRATCH_BYTES + 16], top[SCRATCH_BYTES + 16];
	SCOPED(scratch_remove) struct scratch s = { 0 };
	struct err e = { 0 };
	int rc = scratch_make(&s, &e);

	snprintf(image, sizeof(image), "%s/image", s.path);
	snprintf(top, sizeof(top), "%s/top", s.path);
	if (rc >= 0)
		rc = copy_out(x, image, &e);
	if (rc >= 0)
		rc = unpack(x, image, top, &e);
	if (rc < 0) {
		report_add(&v->report, VERDICT_SKIP, x->path,
			   "whether its content fits this image was not checked: %s", e.what);
		return;
	}
	if (accept_tree(v, x, top, &e) < 0)
		report_error(&v->report, x->path, &e);
	else
		report_add(&v->report, VERDICT_OK, x->path,
			   "its scope, identity and version fit this image, and its tree may be merged");
}

void verify_extension(struct verify *v, const char *path)
{
	SCOPED(extension_done) struct extension x = { .path = path, .medium = { .fd = -1 } };

	if (check_name(v, &x) == 0 && verify_medium_open(v, path, &x.medium) == 0 &&
	    choose(v, &x) == 0 && verify_set(v, &x.set, &x.medium, &x.at, &x.n_bytes) == 0 &&
	    check_filesystem(v, &x) == 0)
		check_tree(v, &x);
}
