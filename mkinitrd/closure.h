/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* closure.h - kernel modules and all they need: dependencies and soft dependencies. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/err.h"

struct closure_module {
	char *name;
	char *path; /* the file, as libkmod found it */
	char *why;
};

struct closure {
	struct kmod_ctx *kmod;
	const char *folder; /* absolute; of libkmod */
	bool verbose; /* says on standard error what is built in or not there */
	char complaint[200]; /* what libkmod said last, which it does not return */
	char **excluded; /* names */
	size_t n_excluded;
	struct closure_module *modules;
	size_t n;
};

/* Opens the indexes that depmod made in folder (…/lib/modules/VERSION) and the soft
 * dependencies and aliases in the modprobe files; what the build machine's own
 * modprobe.d says is ignored. configs ends with NULL. *ret must not move from here on.
 * Errors: ERR_MODULES if the folder has no indexes, ERR_MEMORY. */
int closure_open(const char *folder, const char *const *configs, bool verbose, struct closure *ret,
		 struct err *e);
void closure_done(struct closure *c);

/* Whether two words name the same module: '-' and '_' are one. */
bool module_is(const char *a, const char *b);

/* Leaves out the modules behind a name or an alias. To be called before closure_want(). A
 * name that the kernel does not have is only warned about, on standard error.
 * Errors: ERR_MODULES, ERR_MEMORY. */
int closure_exclude(struct closure *c, const char *name, struct err *e);

/* Adds the modules behind a name or an alias and whatever they need. What is built
 * into the kernel needs no file. What the kernel does not have is ERR_MODULES if it
 * must be there, else it is left out; so is what others need and closure_exclude() named. */
int closure_want(struct closure *c, const char *name, bool must, const char *why, struct err *e);

/* The same for those of the modules whose path in the kernel's folder begins with one of
 * these; NULL ends them. There may be none. */
int closure_want_in(struct closure *c, const char *const *begins, const char *name,
		    const char *why, struct err *e);
