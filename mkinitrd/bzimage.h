/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bzimage.h - what a kernel's file says of itself. Pure.
 * Spec: Documentation/arch/x86/boot.rst. Trust: input is hostile. */
#pragma once

#include <stdbool.h>

#include "init/core/bytes.h"

enum { KERNEL_VERSION_BYTES = 129 };

/* The version, as uname -r shows it; false if the file is no bzImage that tells it. */
bool bzimage_version(struct bytes file, char ret[static KERNEL_VERSION_BYTES]);
