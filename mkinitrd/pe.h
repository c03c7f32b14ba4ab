/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pe.h - programs of UEFI, such as a UKI: finds their sections. No I/O.
 * Spec: PE format (Microsoft), sections 2 to 4. */
#pragma once

#include <stdbool.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

/* True if the file starts as one does; what follows may still be damaged. */
bool pe_recognise(struct bytes file);

/* Finds the first section of this name, of at most 8 bytes; further ones belong to further
 * profiles of a UKI. Returns 1 with *ret pointing into file, the padding of the file left
 * out, or 0 if there is none. Errors: ERR_CONFIG if the headers break the format. */
int pe_section(struct bytes file, const char *name, struct bytes *ret, struct err *e);
