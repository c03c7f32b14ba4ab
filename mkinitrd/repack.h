/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* repack.h - from an unpacked image and its manifest back to the list of what is packed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "init/core/err.h"
#include "mkinitrd/initrd.h"

struct repacked {
	struct initrd initrd; /* sorted, with the manifest itself */
	uint32_t time;        /* of all files */
};

/* Reads the tree below the folder. Modes, devices, reasons and the time are those of
 * /etc/slipway.manifest in it. What differs from it is an error; with update, contents are
 * those of the tree, what is new is added with a normalised mode, what is gone goes, and the
 * list has a new manifest. No link in the tree is followed. The caller calls repacked_done(),
 * also after an error.
 * Errors: ERR_CONFIG for what differs or cannot be packed, ERR_INITRD_INCOMPLETE for a
 * damaged manifest, ERR_SYSTEM, ERR_MEMORY. */
int repack(const char *folder, bool update, struct repacked *ret, struct err *e);
void repacked_done(struct repacked *r);
