/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* profile.h - lists of modules by purpose. */
#pragma once

#include "mkinitrd/options.h"

/* Names and aliases, NULL at the end; a kernel may lack any of them. */
const char *const *profile_modules(enum profile p);

/* The reason that the manifest gives. */
const char *profile_why(enum profile p);
