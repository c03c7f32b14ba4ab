/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* elf.h - what programs and kernel modules say of themselves, beyond init/core/elf.h, and
 * whether the kernel can start a program where there is no other file. Pure.
 * Spec: ELF-64 object file format, little-endian; UAPI.14 for package notes. Trust: input is
 * hostile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/elf.h"

/* The first value of a key in a section .modinfo ("key=value", each with its NUL), or NULL.
 * Borrowed. */
const char *elf_modinfo(struct bytes info, const char *key);

/* The JSON text in a section .note.package; *ret is borrowed, has no NUL, and is not
 * judged. False if the section holds no such note. */
bool elf_package_note(struct bytes section, struct bytes *ret);

/* Why the file is no whole static program of 64 bits, as "is linked dynamically"; NULL if
 * it is one. */
const char *elf_objection(struct bytes file);
