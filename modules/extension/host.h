/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host.h - a proven image is left for the host, where systemd-sysext and systemd-confext look.
 * Spec: systemd-sysext(8); the files beside an image are systemd.image-policy(7)'s. */
#pragma once

#include "init/core/err.h"
#include "modules/extension/class.h"
#include "modules/extension/image.h"

/* Writes what was proven of the image, and no other byte of it, to NAME.raw in the class's folder for
 * the host, and its proof to NAME.verity, NAME.roothash and NAME.roothash.p7s: partitions beside it,
 * or a file system around it, nobody has signed. All of NAME.raw is read through dm-verity. All or
 * nothing; what is there already stays. Errors: ERR_EXTENSION_MALFORMED (its tree is that of a usr
 * partition), ERR_EXTENSION_DUPLICATE (such a file is there), ERR_EXTENSION_UNPROVEN (a block is not
 * what was signed), ERR_MEMORY, ERR_SYSTEM. */
int host_place(const struct image *image, const struct extension_class *class, const char *name,
	       struct err *e);

/* Deletes these files. The folder stays. */
void host_remove(const struct extension_class *class, const char *name);
