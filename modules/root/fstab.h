/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fstab.h - the lines of an fstab. Pure. Spec: fstab(5). Trust: input is hostile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "modules/inputs/device_name.h"

enum {
	FSTAB_MAX_BYTES = 64 * 1024, FSTAB_PATH_BYTES = 256, FSTAB_TYPE_BYTES = 64,
	FSTAB_OPTIONS_BYTES = 1024,
};

/* Where the reading is; text ends with a zero byte. */
struct fstab {
	const char *text;
	unsigned line; /* the number of the last one, from 1 */
};

/* Escapes such as \040 are resolved. */
struct fstab_entry {
	char what[FSTAB_PATH_BYTES], where[FSTAB_PATH_BYTES];
	char type[FSTAB_TYPE_BYTES];
	char options[FSTAB_OPTIONS_BYTES];
};

enum fstab_result { FSTAB_END, FSTAB_ENTRY, FSTAB_BAD };

/* The next line that is neither empty nor a comment; FSTAB_BAD: it has fewer than four fields, or one
 * that is too long or holds a zero byte or a line break. *ret is written for FSTAB_ENTRY only. */
enum fstab_result fstab_next(struct fstab *f, struct fstab_entry *ret);

/* Whether systemd's initrd would mount it: /usr, or what is marked x-initrd.mount, but never "/", and
 * nothing that is marked noauto. */
bool fstab_is_for_initrd(const struct fstab_entry *entry);

bool fstab_has_option(const struct fstab_entry *entry, const char *name);

/* The options without those that are not the file system's alone: ro, rw, dev. Returns whether it is
 * to be written to. */
bool fstab_options(const struct fstab_entry *entry, char ret[static FSTAB_OPTIONS_BYTES]);

/* What a mount point is to the new root. */
enum fstab_place {
	FSTAB_PLACE_DATA,   /* files */
	FSTAB_PLACE_USR,    /* "/usr" itself */
	FSTAB_PLACE_SYSTEM, /* what programs or their configuration come from: below /usr, /etc, /bin, ... */
	FSTAB_PLACE_NEVER,  /* the kernel's or the host's: /dev, /proc, /sys, /run; or no clean path */
};

/* Writes the path with single slashes. */
enum fstab_place fstab_place(const char *where, char ret[static FSTAB_PATH_BYTES]);

/* How a line names its file system. */
enum fstab_by { FSTAB_BY_NOTHING, FSTAB_BY_PARTITION, FSTAB_BY_UUID, FSTAB_BY_LABEL, FSTAB_BY_ROOT, FSTAB_TMPFS };

struct fstab_source {
	enum fstab_by by; /* ROOT: /dev/mapper/root; NOTHING: in a way that is not followed here */
	struct device_name partition; /* of PARTITION */
	const char *value; /* of UUID and LABEL; points into the entry */
};

/* Also the links that udev would make count: /dev/disk/by-uuid/, ... */
struct fstab_source fstab_source(const struct fstab_entry *entry);
