/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* output.h - what the build leaves: the image and the manifest. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"
#include "mkinitrd/initrd.h"

struct buffer {
	char *p; /* owned */
	size_t n, room;
};

void buffer_done(struct buffer *b);

/* A cpio_sink whose arg is a struct buffer. */
int buffer_append(void *arg, const void *p, size_t n, struct err *e);

/* Two lines about the list, then one for each entry, in order, divided by tabs: type and
 * permissions (octal), bytes (of a device its MAJOR:MINOR), SHA-256 ("-" if it has no
 * contents; of a link's target), path, reason. time is that of all files. Stable: two
 * builds are compared with diff(1). */
int manifest_write(const struct initrd *i, uint32_t time, struct buffer *ret, struct err *e);

/* Replaces path as a whole or leaves it alone: the file .NAME.slipway-new beside it is
 * locked, written, synced and renamed. It is removed after a failure and when SIGINT,
 * SIGTERM or SIGHUP comes; what a killed run left there is taken over by the next one.
 * The mode is given as it is, whatever the umask. Errors: ERR_SYSTEM, also if another
 * run writes the same path now. */
int output_write(const char *path, unsigned mode, const void *p, size_t n, struct err *e);
