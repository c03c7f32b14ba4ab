/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* elf.h - can the kernel start this program where there is no other file? Pure.
 * Spec: elf(5). Trust: input is hostile. */
#pragma once

#include "init/core/bytes.h"

/* Why the file is no whole static program of 64 bits, as "is linked dynamically"; NULL if
 * it is one. */
const char *elf_objection(struct bytes file);
