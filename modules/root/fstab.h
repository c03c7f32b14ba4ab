/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fstab.h - the lines of an fstab. Pure. Spec: fstab(5). Trust: input is hostile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { FSTAB_MAX_BYTES = 64 * 1024, FSTAB_PATH_BYTES = 256, FSTAB_OPTIONS_BYTES = 1024 };

/* Where the reading is; text ends with a zero byte. */
struct fstab {
	const char *text;
	unsigned line; /* the number of the last one, from 1 */
};

/* Escapes such as \040 are resolved. */
struct fstab_entry {
	char what[FSTAB_PATH_BYTES], where[FSTAB_PATH_BYTES];
	char options[FSTAB_OPTIONS_BYTES];
};

enum fstab_result { FSTAB_END, FSTAB_ENTRY, FSTAB_BAD };

/* The next line that is neither empty nor a comment; FSTAB_BAD: it has fewer than four fields, or one
 * that is too long or holds a zero byte or a line break. *ret is written for FSTAB_ENTRY only. */
enum fstab_result fstab_next(struct fstab *f, struct fstab_entry *ret);

/* Whether systemd's initrd would mount it: /usr, or what is marked x-initrd.mount, but never "/", and
 * nothing that is marked noauto. */
bool fstab_is_for_initrd(const struct fstab_entry *entry);
