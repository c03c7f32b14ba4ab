/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* staging.h - the module folder of the initrd, made in a temporary folder: modules
 * without their compression, and indexes of just these by depmod of the build machine. */
#pragma once

#include <stdbool.h>

#include "init/core/err.h"
#include "mkinitrd/closure.h"
#include "mkinitrd/initrd.h"
#include "mkinitrd/progress.h"

struct staging_job {
	const char *version;
	const char *firmware; /* as in struct firmware_search, and the next */
	const char *sysroot;
	bool verbose; /* counts the firmware on standard error */
	struct progress *progress;
};

/* Adds /usr/lib/modules/VERSION with the modules of the closure, and the firmware that they
 * name. Signatures stay as they are. Leaves nothing behind. Runs depmod, and xz, zstd or
 * gzip where files need it. Errors: ERR_MODULES for a file that the indexes name and the
 * folder lacks; ERR_SYSTEM; those of firmware_add(). */
int staging_add_modules(struct initrd *i, const struct closure *c, const struct staging_job *job,
			struct err *e);
