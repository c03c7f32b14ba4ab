/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* firmware.h - the firmware files that kernel modules name. */
#pragma once

#include "init/core/err.h"
#include "mkinitrd/initrd.h"

struct firmware_search {
	const char *which;   /* "referenced", "none" or DIR[:DIR...] */
	const char *sysroot; /* for "referenced"; "" is the machine's own root */
	const char *version; /* of the kernel, whose folders come first */
	const char *scratch; /* a folder for what has to be unpacked, whose owner empties it */
};

struct firmware_count {
	size_t packed, missing;
};

/* Adds below /usr/lib/firmware what the modules, files that are not compressed, name and
 * what is there: the file that the kernel would take, not compressed, and in the place of a
 * link what it leads to. What is packed already stays. files ends with NULL.
 * Errors: ERR_SYSTEM, ERR_CONFIG for a DIR that is no folder, ERR_MODULES for a file that is
 * no module, ERR_MEMORY. */
int firmware_add(struct initrd *i, const struct firmware_search *s, char *const *files,
		 struct firmware_count *ret, struct err *e);
