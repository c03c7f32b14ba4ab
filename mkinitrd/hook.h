/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hook.h - vendors' programs, as slipway-hooks(7) describes them. */
#pragma once

#include <stdbool.h>

#include "init/core/err.h"
#include "mkinitrd/initrd.h"

/* Packs the program of POINT:FILE, and FILE.hook if there is one, for that point. What PID 1
 * would refuse is refused; so is a script, unless scripts says that slipway.conf allows them, and
 * the initrd has its interpreter by now. Errors: ERR_CONFIG, ERR_HOOK_INVALID (the declaration),
 * ERR_SYSTEM, ERR_MEMORY. */
int hook_add(struct initrd *i, const char *word, bool scripts, struct err *e);

/* Packs a static busybox, and the links by which it is /bin/sh. Nothing but scripts needs one,
 * so that they must be allowed. Errors: as above. */
int hook_add_busybox(struct initrd *i, const char *file, bool scripts, struct err *e);

/* Is it a static program for this kind of machine, as all in an initrd must be? what is for
 * messages. Errors: ERR_CONFIG if not, ERR_SYSTEM, ERR_MEMORY. */
int hook_check_static(const char *file, const char *what, struct err *e);
