/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tree.h - holds data blocks against the hash tree in user space.
 *
 * The kernel does that for every read, and on a mismatch stops the machine. Looking first
 * turns an image that is altered from the start into an error that can be reported.
 * Spec: the kernel's dm-verity documentation, "Hash Tree". Trust: input is hostile. */
#pragma once

#include <stdint.h>

#include "init/core/err.h"
#include "modules/verity/superblock.h"

struct verity_tree {
	const struct verity_info *info; /* validated: the tree fits the hash partition */
	const uint8_t *root_hash;       /* info->hash_bytes */
	int data_fd, hash_fd;           /* borrowed */
	uint64_t data_at, hash_at;      /* where the partitions begin there, in bytes */
};

/* Verifies data blocks first to first + n - 1, all below info->n_data_blocks.
 * Errors: ERR_VERITY_CORRUPTED, ERR_DISK_FAILED, naming the block; ERR_MEMORY. */
int verity_tree_check(const struct verity_tree *t, uint64_t first, uint64_t n, struct err *e);
