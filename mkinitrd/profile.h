/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* profile.h - lists of modules by purpose. */
#pragma once

#include <stdbool.h>

/* Whether there is a profile of this name; "none" is one. */
bool profile_known(const char *name);

/* Names and aliases of a known one, NULL at the end; a kernel may lack any of them. */
const char *const *profile_modules(const char *name);
