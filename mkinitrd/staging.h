/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* staging.h - the module folder of the initrd, made in a temporary folder: modules
 * without their compression, and indexes of just these by depmod of the build machine. */
#pragma once

#include "init/core/err.h"
#include "mkinitrd/closure.h"
#include "mkinitrd/initrd.h"

/* Adds /usr/lib/modules/VERSION with the modules of the closure.
 * Signatures stay as they are. Leaves nothing behind. Runs depmod, and xz,
 * zstd or gzip where the modules need it. Errors: ERR_MODULES for a file that the
 * indexes name and the folder lacks; ERR_SYSTEM. */
int staging_add_modules(struct initrd *i, const struct closure *c, const char *version,
			struct err *e);
