/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* merge.h - overlays over the folders of the initrd, or of the new root, and the workspace for them.
 * Spec: the layout of .systemd-sysext/ and .systemd-confext/ is systemd-sysext(8)'s. */
#pragma once

#include <stddef.h>

#include "init/core/err.h"
#include "modules/extension/class.h"

/* Whose folders they are, "" for the initrd, and a tmpfs of its own, so that one unmount leaves
 * nothing behind. The names are short: all layers together must fit one page of mount options. */
struct merge_place {
	const char *root, *workspace;
};

extern const struct merge_place merge_initrd, merge_sysroot;
extern const struct merge_place merge_host; /* only looked at there, for the new root */

struct layer {
	const char *name; /* the extension's */
	const char *top;  /* where its tree starts: top/usr is laid over /usr */
};

int merge_begin(const struct merge_place *place, struct err *e);

/* Unmounts the workspace and whatever is still mounted in it. The overlays stay. */
void merge_end(const struct merge_place *place);

/* Writes the options of an overlay for "/usr" to ret, newest layer (the last one)
 * on top. Returns 0, or -1 if they do not fit. Pure. */
int merge_options(const struct merge_place *place, const char *hierarchy, const struct layer *layers,
		  size_t n, char *ret, size_t max);

/* Lays n > 0 layers, oldest first, over the hierarchy ("/usr"), read-only and with the class's
 * flags. Its metadata names them, itself and what it covers.
 * Errors: ERR_EXTENSION_MERGE. */
int merge_hierarchy(const struct merge_place *place, const struct extension_class *class,
		    const char *hierarchy, const struct layer *layers, size_t n, struct err *e);

/* Unmounts the overlay; lazily, with a warning, if it is busy.
 * Errors: ERR_EXTENSION_MERGE. */
int merge_undo(const struct merge_place *place, const char *hierarchy, struct err *e);
