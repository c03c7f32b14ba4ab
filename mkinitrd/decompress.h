/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* decompress.h - unpacks the compressed parts of an initrd as the kernel does. No I/O.
 *
 * zstd: one frame. lz4: the legacy format, magic 0x184C2102, in blocks of 8 MiB.
 * Spec: RFC 8878; lz4_Frame_format.md, "Legacy frame"; lib/decompress_unlz4.c. */
#pragma once

#include <stddef.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

/* Unpacks the part at the start of in into at most max bytes, which the caller frees.
 * *ret_used is how much of in belonged to it.
 * Errors: ERR_UNSUPPORTED for a method that is known and not read here; ERR_CONFIG if it
 * is damaged, too large, or nothing that the kernel would unpack; ERR_MEMORY. */
int decompress_part(struct bytes in, size_t max, char **ret, size_t *ret_n, size_t *ret_used,
		    struct err *e);
