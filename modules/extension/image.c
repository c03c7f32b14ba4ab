/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "modules/disk/disk.h"
#include "modules/disk/filesystem.h"
#include "modules/extension/judge.h"
#include "modules/extension/sidecar.h"
#include "modules/verity/others.h"

/* What fails for a root in many ways is one of few things for an extension. The words
 * stay, they say it exactly. */
static int as_extension_error(struct err *e)
{
	switch (e->code) {
	case ERR_SYSTEM:
	case ERR_MEMORY:
	case ERR_UNSUPPORTED:
	case ERR_MODULES:
	case ERR_VERITY_FAILED:
	case ERR_EXTENSION_MALFORMED:
		break;
	case ERR_NAME_TAKEN: /* devices are named by their root hash */
		return err_set(e, ERR_EXTENSION_DUPLICATE, 0,
			       "it has the same content as another extension");
	case ERR_GPT_OVERLAP:
	case ERR_GPT_DISAGREES:
	case ERR_ROOT_MISSING:
	case ERR_ROOT_AMBIGUOUS:
	case ERR_ROOT_INCOMPLETE:
	case ERR_ROOT_MOUNT:
		e->code = ERR_EXTENSION_MALFORMED;
		break;
	default:
		e->code = ERR_EXTENSION_UNPROVEN;
		break;
	}
	return -(int)e->code;
}

static int choose(const struct disk *disk, const struct policy *policy, struct verity_set *ret,
		  struct err *e)
{
	static const struct verity_set_wish any = { 0 };
	int rc = verity_set_choose(disk, DPS_ROOT, &any, ret, e);

	if (rc == -(int)ERR_ROOT_MISSING && policy->use[POLICY_USR] & USE_SIGNED)
		rc = verity_set_choose(disk, DPS_USR, &any, ret, e);
	return rc;
}

/* trusted: without a signature the root hash is the initrd's own word. */
static int prove_set(struct image *image, const struct disk *disk, const struct verity_set *set,
		     bool trusted, const struct image_rules *rules, const char *root_hash,
		     struct err *e)
{
	const struct extension_request *request = rules->request;
	/* A device-mapper name has 127 characters; 64 digits are all of a SHA-256. */
	char name[80];
	struct volume_request q = {
		.name = name,
		.disk = disk,
		.set = set,
		.anchors = request->anchors,
		.denied_root_hashes = request->denied_root_hashes,
		.secure_boot = request->secure_boot,
		.allow_user_space = request->allow_user_space,
		.root_hash_trusted = trusted,
		.on_corruption = ON_CORRUPTION_ERROR, /* a boot goes on without it */
	};
	bool by_policy = set->signature || !trusted;
	int rc = by_policy ? extension_check_set(set, &rules->policy, e) : 0;

	if (rc < 0)
		return rc;
	/* One image may be for the initrd and the host alike. */
	snprintf(name, sizeof(name), "%.64s-%s", root_hash, request->host ? "host" : "verity");
	rc = volume_prove(&q, &image->volume, e);
	if (rc < 0)
		return rc;
	image->designator = set->designator;
	if (!by_policy)
		return 0;
	return policy_check(&rules->policy, verity_policy(set->designator),
			    volume_uses(image->volume), set->data->attributes, set->data->devname,
			    e);
}

static int prove_loop(struct image *image, const struct image_rules *rules, char *root_hash,
		      struct err *e)
{
	struct disk *disk = &image->disk;
	struct verity_set *set = &image->set;
	int rc = disk_read(image->loop.name, disk, e);

	if (rc < 0 || (rc = disk_agree(disk, e)) < 0 || (rc = choose(disk, &rules->policy, set, e)) < 0)
		return rc;
	hex_encode(set->root_hash, set->root_hash_bytes, root_hash);
	return prove_set(image, disk, set, false, rules, root_hash, e);
}

static int prove_beside(struct image *image, const char *path, bool own,
			const struct image_rules *rules, char *root_hash, struct err *e)
{
	SCOPED(sidecar_done) struct sidecar s = { 0 };
	struct disk disk = { .sector_bytes = 512 };
	int rc = sidecar_read(path, &image->loop, &image->hash_loop, &s, e);

	if (rc < 0)
		return rc;
	snprintf(disk.name, sizeof(disk.name), "%s", image->loop.name);
	hex_encode(s.set.root_hash, s.set.root_hash_bytes, root_hash);
	return prove_set(image, &disk, &s.set, own, rules, root_hash, e);
}

int image_prove(struct image *image, const char *path, bool own, const struct image_rules *rules,
		char root_hash[static 2 * VERITY_MAX_HASH_BYTES + 1], struct err *e)
{
	bool beside = sidecar_present(path);
	int rc = loop_attach_path(path, !beside, &image->loop, e);

	if (rc == 0)
		rc = beside ? prove_beside(image, path, own, rules, root_hash, e) :
			      prove_loop(image, rules, root_hash, e);
	return rc < 0 ? as_extension_error(e) : 0;
}

static int probe(const struct image *image, const struct image_rules *rules,
		 char ret[static FILESYSTEM_NAME_BYTES], struct err *e)
{
	const char *path = volume_path(image->volume);
	SCOPED(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%s'", path);
	rc = filesystem_probe(fd, 0, 0, ret, e);
	return rc < 0 ? rc : extension_check_filesystem(ret, image->designator, &rules->policy, e);
}

static unsigned long flags_of(const struct image_rules *rules)
{
	return MS_RDONLY | (rules->request->sysroot ? rules->class->root_flags : rules->class->flags);
}

int image_mount(struct image *image, const char *top, const struct image_rules *rules,
		struct err *e)
{
	const char *below = image->designator == DPS_USR ? "/usr" : "";
	char filesystem[FILESYSTEM_NAME_BYTES], at[IMAGE_MOUNT_BYTES];
	int rc = probe(image, rules, filesystem, e);

	if (rc < 0)
		return as_extension_error(e);
	if ((size_t)snprintf(at, sizeof(at), "%s%s", top, below) >= sizeof(at))
		return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "mount at '%s'", top);
	rc = make_dirs(at, 0755, e);
	if (rc < 0)
		return rc;
	if (mount(volume_path(image->volume), at, filesystem, flags_of(rules), NULL) < 0)
		return err_set(e, ERR_UNSUPPORTED, errno, "mount the proven '%s' file system",
			       filesystem);
	memcpy(image->mount_point, at, sizeof(at));
	return 0;
}

static int bind_directory(int fd, const char *top, unsigned long flags, struct err *e)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (mount(path, top, NULL, MS_BIND, NULL) < 0)
		return err_set(e, ERR_SYSTEM, errno, "bind it at '%s'", top);
	if (mount(NULL, top, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0) {
		umount2(top, MNT_DETACH | UMOUNT_NOFOLLOW);
		return err_set(e, ERR_SYSTEM, errno, "make '%s' read-only", top);
	}
	return 0;
}

static bool is_on(const char *path, const char *tree)
{
	struct stat a, b;

	return stat(path, &a) == 0 && stat(tree, &b) == 0 && a.st_dev == b.st_dev;
}

bool image_is_own(const char *path, bool usr_only)
{
	if (strncmp(path, "/sysroot/", strlen("/sysroot/")) != 0)
		return is_on(path, "/");
	if (usr_only && strncmp(path, "/sysroot/usr/", strlen("/sysroot/usr/")) != 0)
		return false;
	return (!usr_only && is_on(path, "/sysroot")) || is_on(path, "/sysroot/usr");
}

int image_bind(struct image *image, const char *path, const char *top,
	       const struct image_rules *rules, struct err *e)
{
	SCOPED(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%s'", path);
	if (!image_is_own(path, rules->request->usr_only))
		return err_set(e, ERR_EXTENSION_MALFORMED, 0,
			       "'%s' is no part of the system's own file system", path);
	rc = make_dirs(top, 0755, e);
	if (rc >= 0)
		rc = bind_directory(fd, top, flags_of(rules), e);
	if (rc >= 0)
		snprintf(image->mount_point, sizeof(image->mount_point), "%s", top);
	return rc;
}

void image_close(struct image *image)
{
	if (*image->mount_point)
		umount2(image->mount_point, MNT_DETACH | UMOUNT_NOFOLLOW);
	if (image->volume)
		volume_close(image->volume);
	verity_set_done(&image->set);
	disk_done(&image->disk);
	loop_detach(&image->loop);
	loop_detach(&image->hash_loop);
	*image = IMAGE_EMPTY;
}
