/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plan.h - from the command line to the list of files. */
#pragma once

#include "init/core/err.h"
#include "mkinitrd/initrd.h"
#include "mkinitrd/options.h"

/* Collects everything that the options ask for, sorted. A file that is named and not
 * there is an error, never skipped. On success the caller calls initrd_done().
 * Errors: ERR_SYSTEM, ERR_CONFIG, ERR_CERTIFICATE, ERR_MODULES, ERR_MEMORY. */
int plan_initrd(const struct build_options *o, struct initrd *ret, struct err *e);
