/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* version.h - the version order of the UAPI group (UAPI.10). */
#pragma once

/* Compares two NUL-terminated versions; negative, 0 or positive like strcmp.
 * Pure. Accepts any bytes: what is outside a-zA-Z0-9-.~^ separates. */
int version_compare(const char *a, const char *b);
