/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image.h - one extension image: attached, proven, mounted. */
#pragma once

#include "init/core/err.h"
#include "modules/disk/disk.h"
#include "modules/extension/class.h"
#include "modules/extension/extension.h"
#include "modules/extension/loop.h"
#include "modules/verity/volume.h"

enum { IMAGE_MOUNT_BYTES = 64 };

/* Empty: IMAGE_EMPTY. image_close() takes any state in between as well. */
struct image {
	struct loop loop, hash_loop; /* the latter for a hash tree in a file of its own */
	struct disk disk; /* as what the loop device shows, and in it */
	struct verity_set set; /* what was proven; neither without a loop device */
	struct volume *volume;
	enum designator designator;
	char mount_point[IMAGE_MOUNT_BYTES]; /* "" unless mounted */
};

/* What is asked of the images of one class. */
struct image_rules {
	const struct extension_class *class;
	const struct extension_request *request;
	struct policy policy;
};

#define IMAGE_EMPTY ((struct image){ .loop.fd = -1, .hash_loop.fd = -1 })

/* Attaches the file and proves its root (or else, if the policy knows of one, its usr)
 * partition. root_hash takes what the image claims, proven or not. Nothing of it was mounted
 * or probed yet. The proof may lie in files beside it; own: the file is the initrd's own, and
 * so is such a proof, which is as good as a signature. The caller closes *image in any case.
 * Errors: ERR_EXTENSION_UNPROVEN, ERR_EXTENSION_MALFORMED, ERR_EXTENSION_DUPLICATE,
 * ERR_VERITY_FAILED, ERR_MODULES, ERR_SYSTEM, ERR_MEMORY, ERR_UNSUPPORTED. */
int image_prove(struct image *image, const char *path, bool own, const struct image_rules *rules,
		char root_hash[static 2 * VERITY_MAX_HASH_BYTES + 1], struct err *e);

/* Mounts the proven volume at top (which is made), or at top/usr if it is a usr
 * partition, so that the tree always starts at top. Errors: as above. */
int image_mount(struct image *image, const char *top, const struct image_rules *rules,
		struct err *e);

/* Is it in the initrd's own file system or, below /sysroot, in one of the new root? usr_only: in that
 * of its /usr. */
bool image_is_own(const char *path, bool usr_only);

/* Mounts such a directory at top. Errors: ERR_EXTENSION_MALFORMED (it is
 * elsewhere), ERR_SYSTEM. */
int image_bind(struct image *image, const char *path, const char *top,
	       const struct image_rules *rules, struct err *e);

/* Unmounts, deactivates, detaches; empties *image. */
void image_close(struct image *image);
