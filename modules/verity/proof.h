/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proof.h - what can be said for or against a set without the kernel: its superblock, the
 * content, the signature. At boot on partitions, before that on an image of the disk. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "init/core/digests.h"
#include "init/core/err.h"
#include "modules/trust/anchors.h"
#include "modules/verity/set.h"
#include "modules/verity/superblock.h"

/* Where the bytes of the data and the hash partition are; the descriptors are borrowed. */
struct proof_source {
	int data_fd, hash_fd;
	uint64_t data_at, hash_at; /* in bytes */
};

/* Reads the superblock of set->hash; it must fit both partitions and the root hash.
 * Errors: ERR_VERITY_SUPERBLOCK, ERR_DISK_FAILED. */
int proof_superblock(const struct verity_set *set, unsigned sector_bytes,
		     const struct proof_source *source, struct verity_info *ret, struct err *e);

/* Holds the content against the root hash: all of it, or what a mount will read first and the
 * other end of the tree. Errors: ERR_VERITY_CORRUPTED, ERR_DISK_FAILED, ERR_MEMORY. */
int proof_content(const struct verity_set *set, const struct verity_info *info,
		  const struct proof_source *source, bool all, struct err *e);

/* Is the root hash none of those (NULL: none) that nothing makes acceptable? Errors: ERR_DENIED. */
int proof_not_denied(const struct verity_set *set, const struct digests *denied, struct err *e);

/* Who signed the root hash? Errors: those of anchors_verify(). */
int proof_signature(const struct verity_set *set, const struct anchors *anchors,
		    struct signer *ret, struct err *e);
