/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/nvpcr.h"

#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/json.h"

enum { MAX_DEPTH = 4, DEFAULT_PRIORITY = 1000, NAME_BYTES = 34 };

/* The handles of the TPM's memory. */
static const uint32_t first_index = 0x01000000, last_index = 0x01ffffff;

/* SHA-256 of 32 zeros, TPM2_PolicyNvWritten and "yes". */
const uint8_t nvpcr_written[PCR_DIGEST_BYTES] = {
	0xf7, 0x88, 0x7d, 0x15, 0x8a, 0xe8, 0xd3, 0x8b, 0xe0, 0xac, 0x53, 0x19, 0xf3, 0x7a, 0x9e, 0x07,
	0x61, 0x8b, 0xf5, 0x48, 0x85, 0x45, 0x3c, 0x7a, 0x54, 0xdd, 0xb0, 0xc6, 0xa6, 0x19, 0x3b, 0xeb,
};

/* ---- definitions ---- */

static bool is_name(const char *text)
{
	static const char good[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
	size_t n = strlen(text);

	return n && n < NVPCR_NAME_BYTES && strspn(text, good) == n;
}

/* Of another type it is no text or number that fits. */
static bool take_members(struct json_object *o, const char *stem, struct nvpcr *ret)
{
	const char *name = json_object_get_string(json_object_object_get(o, "name"));
	const char *algorithm = json_object_get_string(json_object_object_get(o, "algorithm"));
	int64_t index = json_object_get_int64(json_object_object_get(o, "nvIndex"));
	struct json_object *priority = json_object_object_get(o, "priority");
	struct json_object *orderly = json_object_object_get(o, "orderly");

	if (!is_name(stem) || (name && strcmp(name, stem) != 0) ||
	    (algorithm && strcmp(algorithm, "sha256") != 0) || index < first_index || index > last_index)
		return false;
	*ret = (struct nvpcr){ .index = (uint32_t)index, .priority = DEFAULT_PRIORITY, .orderly = true };
	if (priority)
		ret->priority = json_object_get_int64(priority);
	if (orderly)
		ret->orderly = json_object_get_boolean(orderly);
	strcpy(ret->name, stem);
	return true;
}

int nvpcr_parse(struct bytes json, const char *stem, struct nvpcr *ret, struct err *e)
{
	SCOPED(tokener_drop) struct json_tokener *tokener = json_tokener_new_ex(MAX_DEPTH);
	SCOPED(json_drop) struct json_object *o = NULL;

	if (tokener && json.n <= NVPCR_FILE_MAX_BYTES)
		o = json_tokener_parse_ex(tokener, (const char *)json.p, (int)json.n);
	if (!take_members(o, stem, ret))
		return err_set(e, ERR_UNSUPPORTED, 0, "'%.64s.nvpcr' defines no NvPCR of that name in SHA-256",
			       stem);
	return 0;
}

static bool comes_before(const struct nvpcr *a, const struct nvpcr *b)
{
	return a->priority != b->priority ? a->priority < b->priority : strcmp(a->name, b->name) < 0;
}

int nvpcrs_add(struct nvpcrs *all, const struct nvpcr *one, struct err *e)
{
	size_t i = all->n;

	if (all->n == NVPCR_MAX)
		return err_set(e, ERR_UNSUPPORTED, 0, "more than %d NvPCRs are defined", NVPCR_MAX);
	for (size_t k = 0; k < all->n; k++)
		if (all->at[k].index == one->index || strcmp(all->at[k].name, one->name) == 0)
			return err_set(e, ERR_UNSUPPORTED, 0, "NvPCR '%s' is defined twice", one->name);
	for (; i && comes_before(one, &all->at[i - 1]); i--)
		all->at[i] = all->at[i - 1];
	all->at[i] = *one;
	all->n++;
	return 0;
}

struct nvpcr *nvpcrs_find(struct nvpcrs *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->at[i].name, name) == 0)
			return &all->at[i];
	return NULL;
}

/* ---- what the TPM makes of them ---- */

void nvpcr_authority(const struct pcr_key *k, uint8_t ret[static PCR_DIGEST_BYTES])
{
	uint8_t both[2 * PCR_DIGEST_BYTES];
	uint8_t text[PCR_DIGEST_BYTES + 4 + NAME_BYTES] = {
		[PCR_DIGEST_BYTES] = 0, 0, 0x01, 0x6a, 0, 0x0b, /* TPM2_PolicyAuthorize; SHA-256 */
	};

	pcr_sha256(k->public, sizeof(k->public), text + PCR_DIGEST_BYTES + 6);
	pcr_sha256(text, sizeof(text), both);
	pcr_sha256(NVPCR_REF, strlen(NVPCR_REF), both + PCR_DIGEST_BYTES);
	pcr_sha256(both, sizeof(both), ret);
}

void nvpcr_public(const struct nvpcr *n, const uint8_t authority[static PCR_DIGEST_BYTES],
		  uint8_t ret[static NVPCR_PUBLIC_BYTES])
{
	uint8_t text[3 * PCR_DIGEST_BYTES + 4] = { [PCR_DIGEST_BYTES] = 0, 0, 0x01, 0x71 }; /* TPM2_PolicyOR */
	/* Begun, empty after a reset; read by its owner or who knows no password, extended by who
	 * satisfies the policy. */
	static const uint8_t public[NVPCR_PUBLIC_BYTES] = {
		0, 0, 0, 0, 0, 0x0b, 0x28, 0x06, 0, 0x48, 0, PCR_DIGEST_BYTES,
		[NVPCR_PUBLIC_BYTES - 1] = PCR_DIGEST_BYTES, /* of the value */
	};

	memcpy(text + PCR_DIGEST_BYTES + 4, authority, PCR_DIGEST_BYTES);
	memcpy(text + 2 * PCR_DIGEST_BYTES + 4, nvpcr_written, PCR_DIGEST_BYTES);
	memcpy(ret, public, sizeof(public));
	for (unsigned i = 0; i < 4; i++)
		ret[i] = (uint8_t)(n->index >> (24 - 8 * i));
	if (n->orderly)
		ret[NVPCR_ATTRIBUTES_AT] |= NVPCR_ORDERLY;
	pcr_sha256(text, sizeof(text), ret + 12);
}

void nvpcr_word(const struct nvpcr *n, const uint8_t authority[static PCR_DIGEST_BYTES],
		char ret[static NVPCR_WORD_BYTES])
{
	uint8_t public[NVPCR_PUBLIC_BYTES], name[PCR_DIGEST_BYTES];
	int length = snprintf(ret, NVPCR_WORD_BYTES, "nvpcr-init:%s:0x%x:000b", n->name, (unsigned)n->index);

	nvpcr_public(n, authority, public);
	pcr_sha256(public, sizeof(public), name);
	hex_encode(name, sizeof(name), ret + length);
}
