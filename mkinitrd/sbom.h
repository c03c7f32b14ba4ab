/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sbom.h - the bill of materials of an initrd, as CycloneDX 1.6 in JSON. */
#pragma once

#include <stdint.h>

#include "init/core/err.h"
#include "mkinitrd/initrd.h"
#include "mkinitrd/output.h"

/* Describes the image that was made of these sorted entries: the image itself, init and the
 * libraries linked into it, and every file with its digest, modules with version and licence.
 * The libraries are known of an init of this program's own version, by its package note.
 * Depends on the arguments alone; time is in seconds since 1970, and 0 leaves it out. The
 * caller calls buffer_done(ret). Errors: ERR_MEMORY, ERR_SYSTEM. */
int sbom_write(const struct initrd *i, const struct buffer *image, uint32_t time,
	       struct buffer *ret, struct err *e);
