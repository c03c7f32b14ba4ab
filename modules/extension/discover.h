/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* discover.h - which extensions a folder holds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/err.h"
#include "modules/extension/name.h"

enum {
	MAX_EXTENSIONS = 64,
	FOUND_FILE_BYTES = 2 * EXTENSION_FILE_BYTES + 32, /* NAME.raw.v/NAME_VERSION.raw */
};

enum found_kind {
	FOUND_IMAGE,
	FOUND_DIRECTORY,
	FOUND_MASK, /* an empty directory: later folders' extension of the name is not wanted */
};

struct found {
	const char *directory; /* as given to discover(); static storage */
	bool own;              /* as given to discover() */
	enum found_kind kind;
	char file[FOUND_FILE_BYTES];
	char name[EXTENSION_NAME_BYTES];
};

struct found_list {
	size_t n;
	struct found at[MAX_EXTENSIONS];
};

/* Adds the extensions of the class in directory, in the order of their names: *.raw and, if the
 * folder is the initrd's own, directories, and the newest in each NAME.raw.v or NAME.v. A name
 * that is in the list already stays as it is: earlier folders win. What is no extension's name,
 * or one too many, is logged. A missing folder is an empty one.
 * Errors: ERR_SYSTEM, ERR_MEMORY. */
int discover(const struct extension_class *class, const char *directory, bool own,
	     struct found_list *list, struct err *e);

/* Drops the masks and orders the list by version_compare() of the names, oldest first. */
void discover_sort(struct found_list *list);
