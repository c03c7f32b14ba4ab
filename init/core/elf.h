/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* elf.h - sections of ELF files, and what kernel modules say of themselves in one. Pure.
 * Spec: ELF-64 object file format, little-endian. Trust: input is hostile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/bytes.h"

/* Finds the section of this name in a file of n bytes; *ret is borrowed from it. False if
 * there is none, or the file is no such ELF file, or what it says lies outside of it. */
bool elf_section(const uint8_t *p, size_t n, const char *name, struct bytes *ret);

/* The next value of a key in *info, a section .modinfo ("key=value", each with its NUL), or NULL.
 * Borrowed; *info is what comes behind it. */
const char *elf_modinfo_next(struct bytes *info, const char *key);
