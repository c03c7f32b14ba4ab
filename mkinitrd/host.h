/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host.h - what the devices of one machine ask for. */
#pragma once

#include <stddef.h>

#include "init/core/err.h"

/* Makes a profile: the text of base, a row for each distinct alias of the devices below
 * root/sys/bus, and one for each module in root/proc/modules (root "": this machine), in
 * the order of their bytes. What is not there adds nothing. The caller frees *ret.
 * Errors: ERR_SYSTEM, ERR_MEMORY. */
int host_profile(const char *root, const char *base, char **ret, size_t *ret_n, struct err *e);
