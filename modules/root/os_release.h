/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* os_release.h - what an os-release text says of the system it belongs to. Pure.
 * Spec: os-release(5). Trust: input is hostile. */
#pragma once

#include <stddef.h>

#include "init/core/err.h"

enum { OS_RELEASE_MAX_BYTES = 16 * 1024 };

/* The name of the system: PRETTY_NAME, else ID, else "Linux"; unquoted, control characters
 * replaced. */
void root_os_name(const char *text, char *ret, size_t max);

/* Its IMAGE_VERSION, in the same way; "" if there is none. */
void root_image_version(const char *text, char *ret, size_t max);

/* Is an IMAGE_VERSION at least the minimum by UAPI.10? With "" any is, also none.
 * Errors: ERR_ROLLBACK. */
int root_version_is_enough(const char *version, const char *minimum, struct err *e);
