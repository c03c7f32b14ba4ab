/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/nvpcr.h"

#include <json-c/json.h>
#include <mbedtls/sha256.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"

enum { MAX_DEPTH = 4, DEFAULT_PRIORITY = 1000, NAME_BYTES = 34 };

/* The handles of the TPM's memory. */
static const uint32_t first_index = 0x01000000, last_index = 0x01ffffff;

/* SHA-256 of 32 zeros, TPM2_PolicyNvWritten and "yes". */
const uint8_t nvpcr_written[PCR_DIGEST_BYTES] = {
	0xf7, 0x88, 0x7d, 0x15, 0x8a, 0xe8, 0xd3, 0x8b, 0xe0, 0xac, 0x53, 0x19, 0xf3, 0x7a, 0x9e, 0x07,
	0x61, 0x8b, 0xf5, 0x48, 0x85, 0x45, 0x3c, 0x7a, 0x54, 0xdd, 0xb0, 0xc6, 0xa6, 0x19, 0x3b, 0xeb,
};

/* ---- definitions ---- */

static void json_drop(struct json_object **o)
{
	json_object_put(*o);
}

static void tokener_drop(struct json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

static bool is_name(const char *text)
{
	static const char good[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
	size_t n = strlen(text);

	return n && n < NVPCR_NAME_BYTES && strspn(text, good) == n;
}

/* False if there is a value of another type; *ret stays as it is without one. */
static bool get(struct json_object *o, const char *key, json_type type, struct json_object **ret)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, key, &value))
		return true;
	*ret = value;
	return json_object_is_type(value, type);
}

static bool take_members(struct json_object *o, const char *stem, struct nvpcr *ret)
{
	struct json_object *name = NULL, *algorithm = NULL, *index = NULL, *priority = NULL,
			   *orderly = NULL;
	int64_t number, order;

	if (!get(o, "name", json_type_string, &name) || !get(o, "algorithm", json_type_string, &algorithm) ||
	    !get(o, "nvIndex", json_type_int, &index) || !get(o, "priority", json_type_int, &priority) ||
	    !get(o, "orderly", json_type_boolean, &orderly) || !index)
		return false;
	number = json_object_get_int64(index);
	order = priority ? json_object_get_int64(priority) : DEFAULT_PRIORITY;
	if ((name && strcmp(json_object_get_string(name), stem) != 0) ||
	    (algorithm && strcmp(json_object_get_string(algorithm), "sha256") != 0) ||
	    number < first_index || number > last_index || order < 0)
		return false;
	*ret = (struct nvpcr){ .index = (uint32_t)number, .priority = (uint64_t)order,
			       .orderly = orderly ? json_object_get_boolean(orderly) : true };
	snprintf(ret->name, sizeof(ret->name), "%s", stem);
	return true;
}

int nvpcr_parse(struct bytes json, const char *stem, struct nvpcr *ret, struct err *e)
{
	SCOPED(tokener_drop) struct json_tokener *tokener = json_tokener_new_ex(MAX_DEPTH);
	SCOPED(json_drop) struct json_object *o = NULL;

	if (!tokener)
		return err_set(e, ERR_MEMORY, 0, "no memory to parse '%.64s.nvpcr'", stem);
	if (json.n && json.n <= NVPCR_FILE_MAX_BYTES)
		o = json_tokener_parse_ex(tokener, (const char *)json.p, (int)json.n);
	if (!is_name(stem) || !json_object_is_type(o, json_type_object) || !take_members(o, stem, ret))
		return err_set(e, ERR_UNSUPPORTED, 0,
			       "'%.64s.nvpcr' does not define an NvPCR of its name, in SHA-256, with an nvIndex",
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
			return err_set(e, ERR_UNSUPPORTED, 0, "NvPCRs '%s' and '%s' are the same",
				       all->at[k].name, one->name);
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

static int sha256(const uint8_t *p, size_t n, uint8_t ret[static PCR_DIGEST_BYTES], struct err *e)
{
	if (mbedtls_sha256(p, n, ret, 0) != 0)
		return err_set(e, ERR_SYSTEM, 0, "compute a digest for an NvPCR");
	return 0;
}

int nvpcr_authority(const struct pcr_key *k, uint8_t ret[static PCR_DIGEST_BYTES], struct err *e)
{
	uint8_t public[PCR_KEY_MAX_PUBLIC], both[2 * PCR_DIGEST_BYTES];
	uint8_t text[PCR_DIGEST_BYTES + 4 + NAME_BYTES] = {
		[PCR_DIGEST_BYTES] = 0, 0, 0x01, 0x6a, 0, 0x0b, /* TPM2_PolicyAuthorize; SHA-256 */
	};
	int rc = sha256(public, pcr_key_public(k, public), text + PCR_DIGEST_BYTES + 6, e);

	if (rc == 0)
		rc = sha256(text, sizeof(text), both, e);
	if (rc == 0)
		rc = sha256((const uint8_t *)NVPCR_REF, strlen(NVPCR_REF), both + PCR_DIGEST_BYTES, e);
	return rc == 0 ? sha256(both, sizeof(both), ret, e) : rc;
}

int nvpcr_public(const struct nvpcr *n, const uint8_t authority[static PCR_DIGEST_BYTES],
		 uint8_t ret[static NVPCR_PUBLIC_BYTES], struct err *e)
{
	uint8_t text[3 * PCR_DIGEST_BYTES + 4] = { [PCR_DIGEST_BYTES] = 0, 0, 0x01, 0x71 };
	const uint8_t public[NVPCR_PUBLIC_BYTES] = {
		(uint8_t)(n->index >> 24), (uint8_t)(n->index >> 16), (uint8_t)(n->index >> 8),
		(uint8_t)n->index, 0, 0x0b,
		/* Begun, empty after a reset; read by its owner or who knows no password, extended by
		 * who satisfies the policy. */
		n->orderly ? 0x2c : 0x28, 0x06, 0, 0x48, 0, PCR_DIGEST_BYTES,
		[NVPCR_PUBLIC_BYTES - 1] = PCR_DIGEST_BYTES, /* of the value */
	};

	/* TPM2_PolicyOR */
	memcpy(text + PCR_DIGEST_BYTES + 4, authority, PCR_DIGEST_BYTES);
	memcpy(text + 2 * PCR_DIGEST_BYTES + 4, nvpcr_written, PCR_DIGEST_BYTES);
	memcpy(ret, public, sizeof(public));
	return sha256(text, sizeof(text), ret + 12, e);
}

int nvpcr_word(const struct nvpcr *n, const uint8_t authority[static PCR_DIGEST_BYTES],
	       char ret[static NVPCR_WORD_BYTES], struct err *e)
{
	uint8_t public[NVPCR_PUBLIC_BYTES], name[PCR_DIGEST_BYTES];
	char hex[2 * PCR_DIGEST_BYTES + 1];
	int rc = nvpcr_public(n, authority, public, e);

	if (rc == 0)
		rc = sha256(public, sizeof(public), name, e);
	if (rc < 0)
		return rc;
	hex_encode(name, sizeof(name), hex);
	snprintf(ret, NVPCR_WORD_BYTES, "nvpcr-init:%s:0x%x:000b%s", n->name, (unsigned)n->index, hex);
	return 0;
}
