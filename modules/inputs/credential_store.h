/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* credential_store.h - a directory that keeps credentials for the host. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/err.h"

enum {
	CREDENTIAL_MAX_BYTES = 1024 * 1024, /* of one, and of all in one store */
	CREDENTIAL_MAX = 1023,              /* in one store: its memory has 1024 inodes */
	CREDENTIAL_SKIPS_SAID = 8,          /* then they are only counted */
};

struct credential {
	const char *from; /* where it comes from, for messages */
	const char *name; /* satisfies credential_name_valid() */
	const void *p;
	size_t n;
};

struct credential_store {
	const char *path; /* in /run/credentials */
	bool own_mount;   /* memory that is not swapped out */
	bool read_only;   /* in the end, by a mount of its own if it has none */
	int fd;           /* -1 until the first one comes */
	size_t n, n_bytes;
	size_t n_skipped; /* so far */
};

/* A plain file name of printable ASCII without ':', at most 255 bytes. */
bool credential_name_valid(const char *name);

/* Says that one is left out, unless that were too often; name is NULL if it cannot be printed. */
void credential_skip(struct credential_store *s, const char *from, const char *name, const char *why);

/* Keeps it as a file of mode 0400, making the directory first if need be. One that does
 * not fit, is one too many, cannot be written or has the name of an earlier one is skipped: that
 * is no error. Errors: ERR_SYSTEM if the directory cannot be made. */
int credential_store_add(struct credential_store *s, const struct credential *c, struct err *e);

/* Nothing more comes. Says how many were skipped without a word. */
void credential_store_close(struct credential_store *s);
