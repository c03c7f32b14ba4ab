/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* efivar.h - EFI variables as the kernel shows them: 4 bytes of attributes, then the value.
 * Spec: UEFI 2.10 section 8.2. Trust: what is read is hostile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"

enum { EFIVAR_MAX_BYTES = 4096 };

struct efivar {
	uint8_t bytes[EFIVAR_MAX_BYTES + 1]; /* with room to notice that one is too big */
	size_t n;
};

/* Where they are not shown yet. Errors: ERR_EFI_VARIABLE. */
int efivars_mount(struct err *e);

bool efivar_exists(const char *name, const char *guid);

/* Returns 1 with the bytes, 0 if there is no such variable. Errors: ERR_EFI_VARIABLE. */
int efivar_read(const char *name, const char *guid, struct efivar *ret, struct err *e);

/* Makes the variable, or replaces it: bytes begin with the attributes.
 * Errors: ERR_EFI_VARIABLE. */
int efivar_write(const char *name, const char *guid, const struct efivar *v, struct err *e);

/* One that is not there is fine. Errors: ERR_EFI_VARIABLE. */
int efivar_remove(const char *name, const char *guid, struct err *e);
