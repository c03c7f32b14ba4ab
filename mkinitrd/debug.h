/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* debug.h - a debug image: one that opens a shell, and says everywhere that it does. */
#pragma once

#include "init/core/err.h"
#include "modules/inputs/config.h"

struct initrd;

/* Adds the shell, a static program, and what asks for its key, which lies beside init. shell is
 * NULL for every other image, which then must have no debug-key= either.
 * Errors: ERR_CONFIG for half of it, or a shell that is not static; ERR_SYSTEM, ERR_MEMORY. */
int debug_add(struct initrd *i, const char *shell, const char *init, const struct config *config,
	      struct err *e);

/* What goes behind the os-release of such an image. */
extern const char debug_os_release[];
