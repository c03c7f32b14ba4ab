/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* discover.h - which extension images a folder holds. */
#pragma once

#include <stddef.h>

#include "init/core/err.h"
#include "modules/extension/name.h"

enum { MAX_EXTENSIONS = 64 };

struct found {
	const char *directory; /* as given to discover(); static storage */
	char file[EXTENSION_FILE_BYTES];
	char name[EXTENSION_NAME_BYTES];
};

struct found_list {
	size_t n;
	struct found at[MAX_EXTENSIONS];
};

/* Adds the images of the class in directory, *.raw, in the order of their names. A name that is in the
 * list already stays as it is: earlier folders win. What is no extension's name,
 * or one too many, is logged. A missing folder is an empty one.
 * Errors: ERR_SYSTEM, ERR_MEMORY. */
int discover(const struct extension_class *class, const char *directory, struct found_list *list,
	     struct err *e);

/* Orders the list by version_compare() of the names, oldest first. */
void discover_sort(struct found_list *list);
