/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tree.h - what an extension's tree may hold, below what its class merges: nothing else
 * counts. Trust: the tree is proven, its builder may still have been careless. */
#pragma once

#include <stdbool.h>

#include "init/core/err.h"
#include "modules/extension/class.h"

/* Does a symlink at path (relative to the tree's top, "usr/lib/x") with this target
 * end where the class's links may lead? ".." counts only at the front of a relative target:
 * behind a name, what it means depends on other links. Pure. */
bool tree_link_stays(const struct extension_class *class, const char *path, const char *target);

/* Why an extension must not hold this path (without leading slash), or NULL. Pure. */
const char *tree_forbids(const char *path, bool is_directory);

/* Hooks that an extension may bring: none that the initrd has already. */
struct tree_hooks {
	bool (*in_initrd)(const void *initrd, const char *path); /* path begins with "usr/" */
	const void *initrd;
};

/* The same for a tree that may hold hooks, NULL if it must not. */
const char *tree_forbids_with(const struct tree_hooks *hooks, const char *path, bool is_directory);

/* Does the tree have this directory ("usr", "opt")? */
bool tree_has(int root_fd, const char *hierarchy);

/* Walks what the class merges below root_fd; hooks is as above. Errors: ERR_SYSTEM;
 * ERR_EXTENSION_MALFORMED, naming the path: a forbidden path, a link that leaves, a device,
 * socket or pipe, an opaque directory, or more than a walk of bounded depth and length can see. */
int tree_check(int root_fd, const struct extension_class *class, const struct tree_hooks *hooks,
	       struct err *e);
