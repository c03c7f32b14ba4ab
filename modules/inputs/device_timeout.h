/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* device_timeout.h - x-systemd.device-timeout= of mount options.
 * Spec: systemd.mount(5), systemd.time(7). Pure. Trust: input is hostile. */
#pragma once

#include "init/core/err.h"

enum { DEVICE_TIMEOUT_MAX_S = 3600 };

/* Looks through options that commas divide, of which the last one counts. Returns 1 and the seconds,
 * which are from 1 to DEVICE_TIMEOUT_MAX_S: what is meant to be endless, 0 or "infinity", or longer
 * becomes that; or 0 if no option says it. The time is one of whole numbers with units, such as
 * "90", "2min" or "1min 30s". Errors: ERR_CMDLINE. */
int device_timeout_parse(const char *options, unsigned *ret_s, struct err *e);
