/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/session.h"

#include <mbedtls/aes.h>
#include <mbedtls/constant_time.h>
#include <mbedtls/md.h>
#include <mbedtls/sha256.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "modules/tpm/context.h"
#include "modules/tpm/salt.h"

enum {
	DIGEST = SESSION_DIGEST_BYTES,
	NONCE = SESSION_DIGEST_BYTES,
	KEY_BYTES = 16,
};

struct digest {
	uint8_t bytes[DIGEST];
};

static void digest_wipe(struct digest *d)
{
	explicit_bzero(d, sizeof(*d));
}

/* ---- hashes over several pieces ---- */

static const mbedtls_md_info_t *sha256(void)
{
	return mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
}

static bool hmac(struct bytes key, const struct bytes *pieces, size_t n, uint8_t ret[static DIGEST])
{
	mbedtls_md_context_t c;
	bool good;

	mbedtls_md_init(&c);
	good = mbedtls_md_setup(&c, sha256(), 1) == 0 && mbedtls_md_hmac_starts(&c, key.p, key.n) == 0;
	for (size_t i = 0; i < n; i++)
		good = good && mbedtls_md_hmac_update(&c, pieces[i].p, pieces[i].n) == 0;
	good = good && mbedtls_md_hmac_finish(&c, ret) == 0;
	mbedtls_md_free(&c);
	return good;
}

/* KDFa for as many bits as the hash has. The label's NUL belongs to it. */
static bool kdfa(struct bytes key, const char *label, struct bytes u, struct bytes v,
		 uint8_t ret[static DIGEST])
{
	static const uint8_t first[] = { 0, 0, 0, 1 }, bits[] = { 0, 0, 1, 0 };
	const struct bytes pieces[] = {
		{ first, 4 }, { (const uint8_t *)label, strlen(label) + 1 }, u, v, { bits, 4 },
	};

	return hmac(key, pieces, sizeof(pieces) / sizeof(*pieces), ret);
}

/* ---- a session ---- */

static struct bytes nonce_of(const struct session *s)
{
	return (struct bytes){ s->nonce, s->n_nonce };
}

/* Takes the TPM's nonce at a place; how many bytes it has there, 0 if it is none. */
static size_t take_nonce(struct session *s, const struct tpm_answer *a, size_t at)
{
	size_t n = at + 2 <= a->n ? be16(a->bytes + at) : 0;

	if (n == 0 || n > sizeof(s->nonce) || at + 2 + n > a->n)
		return 0;
	memcpy(s->nonce, a->bytes + at + 2, n);
	s->n_nonce = n;
	return 2 + n;
}

static bool make_key(struct session *s, const struct salt *salt, const struct session_object *bound,
		     const uint8_t *nonce)
{
	uint8_t secret[SESSION_MAX_AUTH + DIGEST];
	size_t n_auth = bound ? bound->n_auth : 0;
	bool good;

	if (n_auth)
		memcpy(secret, bound->auth, n_auth);
	memcpy(secret + n_auth, salt->secret, DIGEST);
	good = kdfa((struct bytes){ secret, n_auth + DIGEST }, "ATH", nonce_of(s),
		    (struct bytes){ nonce, NONCE }, s->key);
	explicit_bzero(secret, sizeof(secret));
	return good;
}

TSS2_RC session_start(struct tpm *t, enum session_kind kind, const struct salt_key *salt,
		      const struct session_object *bound, struct session *ret)
{
	SCOPED(salt_wipe) struct salt s = { .secret = { 0 } };
	uint8_t nonce[NONCE];
	struct tpm_answer a;
	struct command c;
	TSS2_RC rc;

	*ret = (struct session){ 0 };
	if (!salt_make(salt, &s) || salt_random(NULL, nonce, NONCE) != 0)
		return TSS2_TCTI_RC_NOT_SUPPORTED;
	command_begin_with(&c, false, TPM2_CC_StartAuthSession, salt->handle);
	command_put_32(&c, bound ? bound->handle : COMMAND_NULL);
	command_put_sized(&c, nonce, NONCE);
	command_put_sized(&c, s.encrypted, s.n_encrypted);
	command_put_8(&c, kind);
	command_put_16(&c, TPM2_ALG_AES);
	command_put_16(&c, KEY_BYTES * 8);
	command_put_16(&c, TPM2_ALG_CFB);
	command_put_16(&c, TPM2_ALG_SHA256);
	rc = command_run(t, &c, COMMAND_HEADER_BYTES + 4, &a);
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	ret->handle = be32(a.bytes + COMMAND_HEADER_BYTES);
	if (take_nonce(ret, &a, COMMAND_HEADER_BYTES + 4) && make_key(ret, &s, bound, nonce))
		return rc;
	session_end(t, ret);
	return TSS2_TCTI_RC_MALFORMED_RESPONSE;
}

void session_end(struct tpm *t, struct session *s)
{
	if (s->handle)
		command_flush(t, s->handle);
	explicit_bzero(s, sizeof(*s));
}

/* ---- unsealing ---- */

/* One session in one command. */
struct use {
	struct session *session;
	uint8_t attributes;
	size_t n_key;
	uint8_t key[DIGEST + SESSION_MAX_AUTH]; /* of the HMAC */
	uint8_t nonce[NONCE]; /* ours */
};

struct uses {
	struct use policy, cipher;
};

static void uses_wipe(struct uses *u)
{
	explicit_bzero(u, sizeof(*u));
}

static bool use_begin(struct use *u, struct session *s, unsigned attributes, const struct session_object *o)
{
	u->session = s;
	u->attributes = (uint8_t)(attributes | TPMA_SESSION_CONTINUESESSION);
	memcpy(u->key, s->key, DIGEST);
	if (o)
		memcpy(u->key + DIGEST, o->auth, o->n_auth);
	u->n_key = DIGEST + (o ? o->n_auth : 0);
	return salt_random(NULL, u->nonce, NONCE) == 0;
}

/* Over what is sent, or what came: the first nonce is that of the sender. The first session holds
 * the nonce of the one that encrypts, too, lest that be taken out. */
static bool authenticate(const struct use *u, const uint8_t hash[static DIGEST], struct bytes first,
			 struct bytes second, struct bytes third, uint8_t ret[static DIGEST])
{
	const struct bytes pieces[] = { { hash, DIGEST }, first, second, third, { &u->attributes, 1 } };

	return hmac((struct bytes){ u->key, u->n_key }, pieces, sizeof(pieces) / sizeof(*pieces), ret);
}

static bool put_use(struct command *c, const struct use *u, const uint8_t hash[static DIGEST],
		    struct bytes third)
{
	uint8_t mac[DIGEST];

	if (!authenticate(u, hash, (struct bytes){ u->nonce, NONCE }, nonce_of(u->session), third, mac))
		return false;
	command_put_32(c, u->session->handle);
	command_put_sized(c, u->nonce, NONCE);
	command_put_8(c, u->attributes);
	command_put_sized(c, mac, DIGEST);
	return true;
}

static bool put_unseal(struct command *c, const struct uses *u, const struct session_object *o)
{
	enum { USE_BYTES = 4 + 2 + NONCE + 1 + 2 + DIGEST };
	uint8_t text[4 + SALT_NAME_BYTES] = { 0, 0, TPM2_CC_Unseal >> 8, TPM2_CC_Unseal & 0xff };
	uint8_t hash[DIGEST];

	memcpy(text + 4, o->name, SALT_NAME_BYTES);
	if (mbedtls_sha256(text, sizeof(text), hash, 0) != 0)
		return false;
	command_begin_with(c, true, TPM2_CC_Unseal, o->handle);
	command_put_32(c, 2 * USE_BYTES);
	return put_use(c, &u->policy, hash, nonce_of(u->cipher.session)) &&
	       put_use(c, &u->cipher, hash, (struct bytes){ 0 });
}

/* The authorization of the answer; its size, 0 if it is not the TPM's. */
static size_t check_use(struct use *u, const struct tpm_answer *a, size_t at, const uint8_t hash[static DIGEST])
{
	size_t n = take_nonce(u->session, a, at);
	const uint8_t *rest = a->bytes + at + n;
	uint8_t mac[DIGEST];

	if (n == 0 || at + n + 3 + DIGEST > a->n || rest[1] != 0 || rest[2] != DIGEST)
		return 0;
	u->attributes = rest[0];
	if (!authenticate(u, hash, nonce_of(u->session), (struct bytes){ u->nonce, NONCE },
			  (struct bytes){ 0 }, mac) ||
	    mbedtls_ct_memcmp(mac, rest + 3, DIGEST) != 0)
		return 0;
	return n + 3 + DIGEST;
}

/* True if both sessions vouch for the n bytes of parameters. */
static bool check_answer(struct uses *u, const struct tpm_answer *a, size_t n)
{
	uint8_t text[8 + sizeof(a->bytes)] = { 0, 0, 0, 0, 0, 0, TPM2_CC_Unseal >> 8, TPM2_CC_Unseal & 0xff };
	size_t at = COMMAND_HEADER_BYTES + 4 + n, policy, cipher;
	uint8_t hash[DIGEST];

	memcpy(text + 8, a->bytes + COMMAND_HEADER_BYTES + 4, n);
	if (mbedtls_sha256(text, 8 + n, hash, 0) != 0)
		return false;
	policy = check_use(&u->policy, a, at, hash);
	cipher = policy ? check_use(&u->cipher, a, at + policy, hash) : 0;
	return cipher && at + policy + cipher == a->n && u->cipher.attributes & TPMA_SESSION_ENCRYPT;
}

static bool decrypt(const struct use *u, const uint8_t *p, size_t n, uint8_t *ret)
{
	SCOPED(digest_wipe) struct digest both; /* the key, and what the first block begins with */
	SCOPED(mbedtls_aes_free) mbedtls_aes_context c;
	size_t used = 0;

	mbedtls_aes_init(&c);
	return kdfa((struct bytes){ u->session->key, DIGEST }, "CFB", nonce_of(u->session),
		    (struct bytes){ u->nonce, NONCE }, both.bytes) &&
	       mbedtls_aes_setkey_enc(&c, both.bytes, KEY_BYTES * 8) == 0 &&
	       mbedtls_aes_crypt_cfb128(&c, MBEDTLS_AES_DECRYPT, n, &used, both.bytes + KEY_BYTES, p, ret) == 0;
}

TSS2_RC session_unseal(struct tpm *t, struct session *policy, bool with_password, struct session *cipher,
		       const struct session_object *object, uint8_t *ret, size_t max, size_t *ret_n)
{
	enum { AT = COMMAND_HEADER_BYTES + 4 + 2 }; /* the secret */
	SCOPED(uses_wipe) struct uses u = { .policy = { 0 } };
	struct tpm_answer a;
	struct command c;
	size_t n;
	TSS2_RC rc;

	if (!use_begin(&u.policy, policy, 0, with_password ? object : NULL) ||
	    !use_begin(&u.cipher, cipher, TPMA_SESSION_ENCRYPT, NULL) || !put_unseal(&c, &u, object))
		return TSS2_TCTI_RC_GENERAL_FAILURE;
	rc = command_run(t, &c, AT, &a);
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	n = be16(a.bytes + AT - 2);
	if (be32(a.bytes + COMMAND_HEADER_BYTES) != 2 + n || n > max || AT + n > a.n ||
	    !check_answer(&u, &a, 2 + n) || !decrypt(&u.cipher, a.bytes + AT, n, ret))
		return TSS2_TCTI_RC_MALFORMED_RESPONSE;
	*ret_n = n;
	return rc;
}
