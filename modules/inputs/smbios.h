/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* smbios.h - the OEM strings of the firmware.
 * Spec: DMTF DSP0134, 6.1.2, 6.1.3 and 7.12. Pure. Trust: input is hostile. */
#pragma once

#include <stddef.h>

/* How long the structure is that the table raw[0..n) begins with: its formatted area, its strings
 * and the two NULs behind them. 0 at the end of the table, and for one that is not whole. */
size_t smbios_structure_bytes(const char *raw, size_t n);

/* Finds the strings in raw[0..n), one structure of type 11. They lie
 * between the result and *ret_end, each ended by a NUL; NULL if it is no such structure. */
char *smbios_oem_strings(char *raw, size_t n, char **ret_end);

/* The string at *at, and moves *at behind it. NULL at the end: an empty string, or one
 * without a NUL before end. */
char *smbios_next(char **at, char *end);
