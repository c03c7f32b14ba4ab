/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* set.h - data, hash and signature partition that belong together. */
#pragma once

#include "init/core/err.h"
#include "modules/disk/disk.h"
#include "modules/disk/dps.h"
#include "modules/verity/signature.h"

struct verity_set_wish {
	struct dps_wish data;
	const uint8_t *root_hash; /* from the command line; NULL if none */
	size_t root_hash_bytes;
};

/* Pointers go into disk->gpt, which must outlive the set. */
struct verity_set {
	enum designator designator;
	const struct partition *data, *hash;
	const struct partition *signature; /* NULL if there is none */
	uint8_t root_hash[VERITY_MAX_HASH_BYTES];
	size_t root_hash_bytes; /* 0: nothing proves the data */
	bool encrypted; /* set by whoever has looked at the data: it is a LUKS volume */
	bool wraps_luks; /* likewise, and there is a root hash for all of it */
	struct verity_signature parsed; /* if signature is set */
	struct dps_verdicts verdicts;
};

/* A signature partition, and what its bytes were: parsed, or bad.code says why not. */
struct verity_candidate {
	const struct partition *partition;
	struct verity_signature parsed;
	struct err bad;
};

/* Chooses the data partition, then what belongs to it: the signature whose
 * rootHash begins with the data partition's UUID, the hash partition whose UUID
 * ends that hash (UAPI.2). With a root hash wished for, the partitions are those
 * that it names, and only a signature over the same hash is taken. Without
 * signature and root hash the set has no proof (root_hash_bytes 0): the policy
 * decides. Reads signature partitions only (each at most SIGNATURE_MAX_BYTES).
 * Errors: those of dps_choose(), ERR_ROOT_INCOMPLETE, ERR_SIGNATURE_MALFORMED,
 * ERR_SIGNATURE_MISMATCH (a signature is there, but for other data), ERR_GPT_OVERLAP. */
int verity_set_choose(const struct disk *disk, enum designator d,
		      const struct verity_set_wish *wish, struct verity_set *ret, struct err *e);

/* Reads the first n bytes of a partition. */
typedef int (*partition_reader)(void *arg, const struct partition *p, uint8_t *ret, size_t n,
				struct err *e);

/* The same with signature partitions read by the caller's function, as out of an image of
 * a disk. */
int verity_set_read(const struct gpt *gpt, enum designator d, const struct verity_set_wish *wish,
		    partition_reader read, void *arg, struct verity_set *ret, struct err *e);

/* The same without a device: candidates are the signature partitions' contents, of
 * which the chosen one is moved into *ret. Pure. */
int verity_set_match(const struct gpt *gpt, enum designator d, const struct verity_set_wish *wish,
		     struct verity_candidate candidates[], size_t n, struct verity_set *ret,
		     struct err *e);

void verity_set_done(struct verity_set *set);

/* USE_* flags as found on the disk: what policy_check() takes before activation. */
unsigned verity_set_uses(const struct verity_set *set);
