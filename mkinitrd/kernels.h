/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kernels.h - the kernels that a sysroot has modules for. */
#pragma once

#include <limits.h>

#include "init/core/err.h"
#include "mkinitrd/options.h"

/* The folder with the modules of this version. Errors: ERR_MODULES if there is none. */
int kernel_folder(const char *sysroot, const char *version, char ret[static PATH_MAX],
		  struct err *e);

/* Adds the one kernel that there is. Errors: ERR_CONFIG if there is none or are several;
 * ERR_SYSTEM, ERR_MEMORY. */
int kernels_add_only(const char *sysroot, struct words *ret, struct err *e);
