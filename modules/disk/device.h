/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* device.h - opens block devices by their kernel names. */
#pragma once

#include <sys/types.h>

#include "init/core/err.h"

/* Opens /dev/NAME read-only. Returns a descriptor that the caller owns, and the
 * device's number in *ret_dev. Errors: ERR_DISK_FAILED, ERR_SYSTEM. */
int device_open(const char *name, dev_t *ret_dev, struct err *e);
