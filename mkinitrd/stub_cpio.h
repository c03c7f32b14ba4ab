/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stub_cpio.h - the archives that systemd-stub 257 to 262 makes of files beside a UKI, byte for
 * byte: it measures them, and adds them to the initrd. Pure. */
#pragma once

#include <stddef.h>

#include "init/core/bytes.h"
#include "init/core/err.h"
#include "mkinitrd/output.h"

struct stub_file {
	const char *name; /* without a folder */
	struct bytes content;
};

/* In the order that they are measured in: those before STUB_SYSEXT into PCR 12, the others into
 * PCR 13. */
enum stub_folder {
	STUB_CREDENTIALS,
	STUB_GLOBAL_CREDENTIALS,
	STUB_CONFEXT,
	STUB_GLOBAL_CONFEXT,
	STUB_SYSEXT,
	STUB_GLOBAL_SYSEXT,
	STUB_N_FOLDERS,
};

/* Sorts the files as the stub does. Errors: ERR_CONFIG for a name that it would pass over
 * (without suffix, with not_suffix unless that is NULL, hidden, not ASCII, too long), or
 * that is there twice. */
int stub_sort(struct stub_file files[], size_t n, const char *suffix, const char *not_suffix,
	      struct err *e);

/* Sorts the files, and appends the archive of this folder of /.extra; nothing if n is 0.
 * Errors: those of stub_sort(), ERR_CONFIG for a file of 4 GiB, ERR_MEMORY. */
int stub_cpio_folder(enum stub_folder folder, struct stub_file files[], size_t n,
		     struct buffer *ret, struct err *e);

/* Appends the archive of a single file in /.extra itself. Errors: as above. */
int stub_cpio_file(const char *name, struct bytes content, struct buffer *ret, struct err *e);
