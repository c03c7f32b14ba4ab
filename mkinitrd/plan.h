/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plan.h - from the command line to the list of files. */
#pragma once

#include "init/core/err.h"
#include "mkinitrd/initrd.h"
#include "mkinitrd/options.h"
#include "mkinitrd/progress.h"

/* Finds the kernel if the options name none and modules are wanted of one.
 * Errors: ERR_CONFIG if that is not clear. */
int plan_kernel(struct build_options *o, struct err *e);

/* Collects everything that the options ask for, sorted. A file that is named and not
 * there is an error, never skipped. On success the caller calls initrd_done().
 * Errors: ERR_SYSTEM, ERR_CONFIG, ERR_CERTIFICATE, ERR_MODULES, ERR_MEMORY. */
int plan_initrd(const struct build_options *o, struct progress *p, struct initrd *ret,
		struct err *e);
