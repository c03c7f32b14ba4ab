/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/luks/token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/json.h"
#include "modules/tpm/bank.h"

enum {
	MAX_HANDLE_BYTES = 1024,
	HANDLE_HEAD_BYTES = 4 + 2, /* and the name, the kind of the handle, the public part */
	MIN_NAME_BYTES = 4,
	PERSISTENT = 0x81, /* the first byte of a handle */
	NV_INDEX = 0x01,
	N_PCRS = 24,
	ARGON2_MIN_KIB = 8, /* for each lane; RFC 9106, 3.1 */
	ARGON2_MAX_KIB = 4 * 1024 * 1024,
	ARGON2_MAX_LANES = 64,
	ARGON2_MAX_ITERATIONS = 1024,
};

/* Members are read one after another: the first that is wrong is told. */
struct reader {
	struct json_object *object;
	struct err *e;
	int rc;
};

static struct json_object *member(const struct reader *r, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(r->object, key, &value) ? value : NULL;
}

static bool has(const struct reader *r, const char *key)
{
	return json_object_object_get_ex(r->object, key, NULL);
}

static void refuse(struct reader *r, const char *key, const char *what)
{
	if (r->rc == 0)
		r->rc = err_set(r->e, ERR_UNSUPPORTED, 0, "'%s' of the token is not %s", key, what);
}

static void read_bool(struct reader *r, const char *key, bool *ret)
{
	if (!has(r, key))
		return;
	if (!json_object_is_type(member(r, key), json_type_boolean))
		refuse(r, key, "true or false");
	*ret = json_object_get_boolean(member(r, key));
}

static uint32_t read_number(struct reader *r, const char *key, int64_t min, int64_t max, int64_t unit)
{
	struct json_object *value = member(r, key);
	int64_t n = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) / unit : -1;

	if (n >= min && n <= max)
		return (uint32_t)n;
	refuse(r, key, "a number in its bounds");
	return 0;
}

static void read_pcrs(struct reader *r, const char *key, uint32_t *ret)
{
	struct json_object *list = member(r, key);
	bool good = json_object_is_type(list, json_type_array);
	size_t n = good ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n && good; i++) {
		struct json_object *pcr = json_object_array_get_idx(list, i);
		int64_t number = json_object_is_type(pcr, json_type_int) ? json_object_get_int64(pcr) : -1;

		good = number >= 0 && number < N_PCRS;
		if (good)
			*ret |= 1u << number;
	}
	if (!good)
		refuse(r, key, "a list of PCRs");
}

/* How many bytes there are, 0 if it is not there. */
static size_t read_base64(struct reader *r, const char *key, uint8_t *ret, size_t max)
{
	const char *text = json_text(member(r, key));
	int n = text ? base64_decode(text, ret, max) : -1;

	if (!has(r, key))
		return 0;
	if (n > 0)
		return (size_t)n;
	refuse(r, key, "base64 of some bytes");
	return 0;
}

/* Its TPM_ALG_ID, 0 if it is not there. */
static uint16_t read_bank(struct reader *r, const char *key)
{
	const struct bank *bank = tpm_bank_by_name(json_text(member(r, key)));

	if (has(r, key) && !bank)
		refuse(r, key, "a word that is known");
	return bank ? bank->algorithm : 0;
}

/* The index of a word in a list that ends with NULL; that of the default where there is none. */
static size_t read_word(struct reader *r, const char *key, const char *const *words, size_t otherwise)
{
	const char *text = json_text(member(r, key));

	if (!has(r, key))
		return otherwise;
	for (size_t i = 0; text && words[i]; i++)
		if (strcmp(text, words[i]) == 0)
			return i;
	refuse(r, key, "a word that is known");
	return otherwise;
}

/* ---- what came more than once with the shards ---- */

static size_t read_shards(struct reader *r, const char *key, struct sealed *s,
			  bool (*take)(struct sealed *s, size_t i, const char *text))
{
	struct json_object *value = member(r, key);
	bool many = json_object_is_type(value, json_type_array), good;
	size_t n = many ? json_object_array_length(value) : 1;

	good = n > 0 && n <= SEALED_MAX_SHARDS;
	for (size_t i = 0; i < n && good; i++) {
		const char *text = json_text(many ? json_object_array_get_idx(value, i) : value);

		good = text && take(s, i, text);
	}
	if (!good)
		refuse(r, key, "one or two runs of bytes");
	return n;
}

static bool take_blob(struct sealed *s, size_t i, const char *text)
{
	int n = base64_decode(text, s->blobs[i].bytes, SEALED_MAX_BLOB_BYTES);

	s->blobs[i].n = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static bool take_policy(struct sealed *s, size_t i, const char *text)
{
	return hex_decode(text, s->policies[i], SEALED_DIGEST_BYTES) == SEALED_DIGEST_BYTES;
}

/* ---- handles, as the TPM library keeps them ---- */

static void read_handle(struct reader *r, const char *key, uint8_t kind, struct sealed_handle *ret)
{
	uint8_t b[MAX_HANDLE_BYTES];
	size_t n = read_base64(r, key, b, sizeof(b)), n_name = 0;
	bool good = n > HANDLE_HEAD_BYTES && b[0] == kind;

	if (n == 0)
		return;
	if (good)
		n_name = be16(b + 4);
	if (n_name < MIN_NAME_BYTES || n_name > SEALED_MAX_NAME_BYTES || HANDLE_HEAD_BYTES + n_name > n) {
		refuse(r, key, "a handle of the TPM with its name");
		return;
	}
	ret->handle = be32(b);
	ret->n_name = n_name;
	memcpy(ret->name, b + HANDLE_HEAD_BYTES, n_name);
}

/* ---- the parts ---- */

static void read_key(struct reader *r, struct sealed *s)
{
	const char *ref = json_text(member(r, "tpm2_pubkey_ref"));
	size_t n = read_base64(r, "tpm2_pubkey", (uint8_t *)s->pem, sizeof(s->pem) - 1);

	if (has(r, "tpm2_pubkey_pcrs"))
		read_pcrs(r, "tpm2_pubkey_pcrs", &s->signed_pcrs);
	if (memchr(s->pem, '\0', n))
		refuse(r, "tpm2_pubkey", "text");
	if ((n > 0) != (s->signed_pcrs != 0))
		refuse(r, "tpm2_pubkey", "there together with the PCRs that it signs");
	s->n_pem = n ? n + 1 : 0;
	if (!has(r, "tpm2_pubkey_ref"))
		return;
	if (!ref || strlen(ref) >= sizeof(s->ref) || n == 0) {
		refuse(r, "tpm2_pubkey_ref", "a short text beside a key");
		return;
	}
	s->has_ref = true;
	strcpy(s->ref, ref);
}

static void read_argon2id(struct reader *r, struct sealed *s)
{
	struct sealed_argon2id *a = &s->argon2id;

	if (!has(r, "tpm2_argon2id_memcost") && !has(r, "tpm2_argon2id_iterations") &&
	    !has(r, "tpm2_argon2id_lanes"))
		return;
	a->iterations = read_number(r, "tpm2_argon2id_iterations", 1, ARGON2_MAX_ITERATIONS, 1);
	a->lanes = read_number(r, "tpm2_argon2id_lanes", 1, ARGON2_MAX_LANES, 1);
	a->memory_kib = read_number(r, "tpm2_argon2id_memcost", ARGON2_MIN_KIB * (int64_t)a->lanes,
				    ARGON2_MAX_KIB, 1024);
	if (!s->has_pin || s->n_salt < 8)
		refuse(r, "tpm2_argon2id_memcost", "there together with a PIN and a salt");
}

static void read_pcrlock(struct reader *r, struct sealed *s)
{
	read_bool(r, "tpm2_pcrlock", &s->has_pcrlock);
	read_handle(r, "tpm2_pcrlock_nv", NV_INDEX, &s->pcrlock_nv);
	if (s->pcrlock_nv.handle && !s->has_pcrlock)
		refuse(r, "tpm2_pcrlock_nv", "there together with a policy of pcrlock");
}

static void read_tpm2(struct reader *r, struct sealed *s)
{
	static const char *const primaries[] = { "ecc", "rsa", NULL };
	size_t n_policies;

	s->n_blobs = read_shards(r, "tpm2-blob", s, take_blob);
	n_policies = read_shards(r, "tpm2-policy-hash", s, take_policy);
	read_pcrs(r, "tpm2-pcrs", &s->pcrs);
	s->bank = read_bank(r, "tpm2-pcr-bank");
	s->primary = read_word(r, "tpm2-primary-alg", primaries, 0) ? SEALED_RSA : SEALED_ECC;
	read_handle(r, "tpm2_srk", PERSISTENT, &s->srk);
	read_bool(r, "tpm2-pin", &s->has_pin);
	s->n_salt = read_base64(r, "tpm2_salt", s->salt, sizeof(s->salt));
	read_argon2id(r, s);
	read_key(r, s);
	read_pcrlock(r, s);
	if (n_policies != s->n_blobs || s->n_blobs != (s->signed_pcrs && s->has_pcrlock ? 2u : 1u))
		refuse(r, "tpm2-blob", "of as many parts as there are policies");
}

/* A list of one number, which is a string. */
static void read_keyslot(struct reader *r, unsigned *ret)
{
	struct json_object *list = member(r, "keyslots");
	const char *text = NULL;
	unsigned long n = TOKEN_MAX_KEYSLOTS;
	char *end = NULL;

	if (json_object_is_type(list, json_type_array) && json_object_array_length(list) == 1)
		text = json_text(json_object_array_get_idx(list, 0));
	if (text && *text >= '0' && *text <= '9')
		n = strtoul(text, &end, 10);
	if (n >= TOKEN_MAX_KEYSLOTS || *end)
		refuse(r, "keyslots", "one key slot");
	*ret = (unsigned)n;
}

/* The kind and what belongs to it. */
static int read_all(struct json_object *object, struct token *t, struct err *e)
{
	static const char *const kinds[] = { [TOKEN_TPM2] = "systemd-tpm2", [TOKEN_RECOVERY] = "systemd-recovery" };
	struct reader r = { object, e, 0 };
	const char *type = json_text(member(&r, "type"));

	if (!type)
		refuse(&r, "type", "a text");
	else if (strcmp(type, kinds[TOKEN_TPM2]) == 0)
		t->kind = TOKEN_TPM2;
	else if (strcmp(type, kinds[TOKEN_RECOVERY]) == 0)
		t->kind = TOKEN_RECOVERY;
	if (t->kind != TOKEN_OTHER)
		read_keyslot(&r, &t->keyslot);
	if (t->kind == TOKEN_TPM2)
		read_tpm2(&r, &t->sealed);
	return r.rc;
}

int token_parse(struct bytes json, struct token *ret, struct err *e)
{
	SCOPED(json_drop) struct json_object *object = NULL;
	int rc = json_parse_bytes(json, TOKEN_MAX_BYTES, "a token", &object, e);

	*ret = (struct token){ 0 };
	return rc < 0 ? rc : read_all(object, ret, e);
}
