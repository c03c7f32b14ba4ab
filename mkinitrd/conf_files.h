/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conf_files.h - finds mkinitrd.conf and its drop-ins: slipway-mkinitrd.conf(5). */
#pragma once

#include "init/core/err.h"
#include "mkinitrd/settings.h"

/* Adds what the files say. file: read this one alone, or none at all if it is "none";
 * NULL: search the usual folders. Errors: ERR_SYSTEM for what cannot be read; those of
 * settings_add_text(). */
int conf_files_add(struct settings *s, const char *file, struct err *e);

/* The search. folders: three, the strongest first. The first that has mkinitrd.conf gives
 * it; then come the *.conf of all their mkinitrd.conf.d by name, each name from the
 * strongest folder that has it. Errors: as above. */
int conf_files_search(struct settings *s, const char *const folders[static 3], struct err *e);
