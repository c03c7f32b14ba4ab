/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* initrd.h - the list of what is packed: path, contents and the reason for each.
 *
 * Missing parent folders are added by themselves. A path is packed once: a second
 * claim, or one below something that is no folder, is an error naming both. Modes
 * are normalised: what is executable 0755, the rest 0644, folders 0755. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/err.h"
#include "mkinitrd/cpio.h"

enum { INITRD_MAX_FILE = 256 * 1024 * 1024 };

struct initrd {
	struct cpio_entry *entries;
	size_t n;
};

void initrd_done(struct initrd *i);

/* Paths may start with '/'. A folder that is there already stays as it is.
 * Errors of all: ERR_CONFIG (path or second claim), ERR_MEMORY. */
int initrd_add_folder(struct initrd *i, const char *path, const char *why, struct err *e);
int initrd_add_link(struct initrd *i, const char *path, const char *target, const char *why,
		    struct err *e);
int initrd_add_console(struct initrd *i, const char *path, const char *why, struct err *e);
int initrd_add_text(struct initrd *i, const char *path, const char *text, const char *why,
		    struct err *e);

/* Takes data, which is on the heap, also on failure. */
int initrd_add_data(struct initrd *i, const char *path, char *data, size_t n, const char *why,
		    struct err *e);

/* Whether something is packed there. path is without '/' at its start. */
bool initrd_has(const struct initrd *i, const char *path);

/* Reads source, at most INITRD_MAX_FILE bytes. Errors: also ERR_SYSTEM. */
int initrd_add_file(struct initrd *i, const char *path, const char *source, bool executable,
		    const char *why, struct err *e);

/* Adds a file, a link, or a folder with all it holds; what is executable stays so. */
int initrd_add_tree(struct initrd *i, const char *path, const char *source, const char *why,
		    struct err *e);

/* Puts the entries into the order that cpio_write() wants. */
void initrd_sort(struct initrd *i);
