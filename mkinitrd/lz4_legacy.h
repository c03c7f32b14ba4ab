/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lz4_legacy.h - the lz4 format that the kernel unpacks: this magic, then blocks, each with
 * its packed size before it (little-endian, 32 bits). */
#pragma once

#define LZ4_LEGACY_MAGIC 0x184c2102u

enum { LZ4_BLOCK_BYTES = 8 << 20 }; /* unpacked; only the last block is shorter */
