/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/verity/proof.h"

#include <string.h>

#include "init/core/bytes.h"
#include "init/core/file.h"
#include "modules/verity/tree.h"

/* The superblock of every file system that we mount lies in here. */
enum { CHECK_BYTES = 128 * 1024 };

int proof_superblock(const struct verity_set *set, unsigned sector_bytes,
		     const struct proof_source *source, struct verity_info *ret, struct err *e)
{
	uint8_t buf[VERITY_SUPERBLOCK_BYTES];
	int rc = pread_full(source->hash_fd, buf, sizeof(buf), source->hash_at, e);

	if (rc < 0)
		return err_in(e, "superblock on '%s'", set->hash->devname);
	rc = verity_superblock_parse(buf, sizeof(buf), set->data->n_lbas * sector_bytes,
				     set->hash->n_lbas * sector_bytes, ret, e);
	if (rc < 0)
		return err_in(e, "hash partition '%s' (%s)", set->hash->label, set->hash->devname);
	if (ret->hash_bytes != set->root_hash_bytes)
		return err_set(e, ERR_VERITY_SUPERBLOCK, 0,
			       "superblock of '%s' says %s, but the root hash has '%zu' bytes",
			       set->hash->devname, ret->algorithm, set->root_hash_bytes);
	return 0;
}

int proof_content(const struct verity_set *set, const struct verity_info *info,
		  const struct proof_source *source, bool all, struct err *e)
{
	const struct verity_tree tree = { info,		   set->root_hash,  source->data_fd,
					  source->hash_fd, source->data_at, source->hash_at };
	uint64_t n = info->n_data_blocks, first = CHECK_BYTES / info->data_block_bytes + 1;
	int rc = verity_tree_check(&tree, 0, all || n < first ? n : first, e);

	if (rc >= 0 && !all)
		rc = verity_tree_check(&tree, n - 1, 1, e);
	return rc < 0 ? err_in(e, "content of '%s'", set->data->devname) : 0;
}

int proof_not_denied(const struct verity_set *set, const struct digests *denied, struct err *e)
{
	char text[2 * VERITY_MAX_HASH_BYTES + 1];

	if (!digests_have(denied, (struct bytes){ set->root_hash, set->root_hash_bytes }))
		return 0;
	hex_encode(set->root_hash, set->root_hash_bytes, text);
	return err_set(e, ERR_DENIED, 0, "slipway.conf denies the root hash of '%s' (%s), %s",
		       set->data->label, set->data->devname, text);
}

int proof_signature(const struct verity_set *set, const struct anchors *anchors,
		    struct signer *ret, struct err *e)
{
	char text[2 * VERITY_MAX_HASH_BYTES + 1]; /* what is signed is the hash as text */

	hex_encode(set->root_hash, set->root_hash_bytes, text);
	return anchors_verify(anchors, (struct bytes){ set->parsed.der, set->parsed.der_bytes },
			      (struct bytes){ (const uint8_t *)text, strlen(text) }, ret, e);
}
