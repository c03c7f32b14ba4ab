/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* smbios.h - the OEM strings of the firmware.
 * Spec: DMTF DSP0134, 6.1.3 and 7.12. Pure. Trust: input is hostile. */
#pragma once

#include <stddef.h>

/* Finds the strings in raw[0..n), one structure of type 11 as the kernel shows it. They lie
 * between the result and *ret_end, each ended by a NUL; NULL if it is no such structure. */
char *smbios_oem_strings(char *raw, size_t n, char **ret_end);

/* The string at *at, and moves *at behind it. NULL at the end: an empty string, or one
 * without a NUL before end. */
char *smbios_next(char **at, char *end);
