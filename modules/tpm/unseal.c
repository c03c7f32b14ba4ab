/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/unseal.h"

#include <mbedtls/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "modules/tpm/context.h"
#include "modules/tpm/parent.h"
#include "modules/tpm/pin.h"
#include "modules/tpm/policy.h"
#include "modules/tpm/session.h"

enum { MAX_SECRET = 128, MAX_ATTEMPTS = 16, EXPONENT_AT = 16, EXPONENT_BYTES = 4 };

/* The whole of one call, of which parts are secret. */
struct work {
	struct tpm *t;
	const struct unseal_request *q;
	const struct sealed *sealed;
	const struct bank *bank;
	struct pcrlock lock;
	struct pcr_key key;
	bool has_pin; /* it is prepared */
	struct pin pin;
	size_t n_secret;
	uint8_t secret[SEALED_MAX_SHARDS * MAX_SECRET];
	struct err *e;
};

static void work_free(struct work **w)
{
	if (*w)
		explicit_bzero(*w, sizeof(**w));
	free(*w);
}

/* ---- what an answer means ---- */

static bool is_one_of(TSS2_RC rc, TSS2_RC a, TSS2_RC b)
{
	return tpm_bare_code(rc) == a || tpm_bare_code(rc) == b;
}

/* Whoever measures something else now has to know what the token holds them to. */
static int not_this_state(struct work *w, int rc)
{
	uint32_t pcrs = w->sealed->pcrs | w->sealed->signed_pcrs;
	size_t n = strlen(w->e->what);
	char text[PCRS_TEXT_BYTES];

	if (pcrs)
		snprintf(w->e->what + n, sizeof(w->e->what) - n, " (PCRs %s in bank %s)",
			 pcrs_text(pcrs, text), w->bank->name);
	return rc;
}

/* Of what could not be used although it is not the TPM's fault. */
static enum unseal_verdict skip(int rc)
{
	if (rc >= 0)
		return UNSEALED;
	return rc == -ERR_MEMORY || rc == -ERR_SYSTEM ? UNSEAL_FAILED : UNSEAL_NOT_HERE;
}

/* A TPM that refuses a value, a handle or a policy works, and has or is something else. */
static enum unseal_verdict judge(struct work *w, TSS2_RC rc, const char *doing)
{
	if (rc == TSS2_RC_SUCCESS)
		return UNSEALED;
	if (rc == TSS2_TCTI_RC_NOT_SUPPORTED)
		return skip(err_set(w->e, ERR_UNSUPPORTED, 0,
				    "the storage root key is of a kind that is not understood"));
	(void)tpm_refused(w->t, w->e, rc, doing);
	if (rc & TSS2_RC_LAYER_MASK)
		return UNSEAL_FAILED;
	if (tpm_bare_code(rc) == TPM2_RC_LOCKOUT)
		return UNSEAL_LOCKED_OUT;
	return rc & TPM2_RC_FMT1 || is_one_of(rc, TPM2_RC_POLICY, TPM2_RC_EXPIRED) ? UNSEAL_NOT_HERE : UNSEAL_FAILED;
}

/* ---- the policy ---- */

/* That of tokens which do not name one. */
static const struct bank *best_bank(const struct tpm *t)
{
	const struct bank *best = tpm_bank_by_algorithm(TPM2_ALG_SHA256);

	for (int used = 0; used < 2; used++) {
		const char *name;

		for (size_t i = 0; (name = tpm_bank(t, used, i)); i++)
			if (strcmp(name, best->name) == 0)
				return best;
	}
	return tpm_bank_by_algorithm(TPM2_ALG_SHA1);
}

/* What the key signed about the PCRs as they are. */
static enum unseal_verdict find_signature(struct work *w, const uint8_t policy[static PCR_DIGEST_BYTES],
					  uint8_t ret[static PCR_KEY_BYTES])
{
	const struct sealed *s = w->sealed;
	int rc = err_set(w->e, ERR_UNSUPPORTED, 0, "there is no tpm2-pcr-signature.json");

	for (size_t i = 0; i < w->q->n_signatures && rc < 0; i++)
		rc = pcr_signature_find(w->q->signatures[i], &w->key, w->bank->name, policy,
					s->has_ref ? s->ref : NULL, ret, w->e);
	return skip(rc < 0 ? not_this_state(w, rc) : rc);
}

static enum unseal_verdict show_signed(struct work *w, const struct session *session)
{
	uint8_t policy[PCR_DIGEST_BYTES], signature[PCR_KEY_BYTES], digest[PCR_DIGEST_BYTES];
	const struct sealed *s = w->sealed;
	struct bytes ref = { digest, s->has_ref ? PCR_DIGEST_BYTES : 0 };
	struct policy_ticket ticket;
	enum unseal_verdict v;
	TSS2_RC rc = policy_pcr(w->t, session->handle, w->bank->algorithm, s->signed_pcrs);

	if (rc == TSS2_RC_SUCCESS)
		rc = policy_digest(w->t, session->handle, policy);
	v = judge(w, rc, "show the PCRs that are signed");
	if (v == UNSEALED)
		v = find_signature(w, policy, signature);
	if (v != UNSEALED)
		return v;
	pcr_sha256(s->ref, strlen(s->ref), digest);
	rc = policy_verify(w->t, &w->key, policy, ref, signature, &ticket);
	if (rc == TSS2_RC_SUCCESS)
		rc = policy_authorize(w->t, session->handle, &w->key, policy, ref, &ticket);
	return judge(w, rc, "accept the signature of the PCRs");
}

/* All that the secret asks for but its password, in the order of its making. With a key and pcrlock
 * each of the two has a shard. */
static enum unseal_verdict show(struct work *w, const struct session *session, size_t shard,
				uint8_t ret[static PCR_DIGEST_BYTES])
{
	const struct sealed *s = w->sealed;
	bool is_first = shard == 0, is_last = shard + 1 == s->n_blobs;
	enum unseal_verdict v = UNSEALED;
	TSS2_RC rc;

	if (s->signed_pcrs && is_first)
		v = show_signed(w, session);
	if (v == UNSEALED && s->has_pcrlock && is_last)
		v = judge(w, policy_pcrlock(w->t, session->handle, &w->lock), "find its state in pcrlock.json");
	if (v != UNSEALED)
		return v;
	rc = policy_pcr(w->t, session->handle, w->bank->algorithm, s->pcrs);
	if (rc == TSS2_RC_SUCCESS && s->has_pin)
		rc = policy_auth_value(w->t, session->handle);
	if (rc == TSS2_RC_SUCCESS)
		rc = policy_digest(w->t, session->handle, ret);
	return judge(w, rc, "show its PCRs");
}

static enum unseal_verdict show_and_compare(struct work *w, const struct session *session, size_t shard)
{
	uint8_t digest[PCR_DIGEST_BYTES];
	enum unseal_verdict v = show(w, session, shard, digest);

	if (v != UNSEALED || memcmp(digest, w->sealed->policies[shard], PCR_DIGEST_BYTES) == 0)
		return v;
	return skip(not_this_state(w, err_set(w->e, ERR_UNSUPPORTED, 0,
					      "the machine is not in the state to which the secret is bound")));
}

/* ---- a shard ---- */

/* Nobody need type a PIN that will not be taken. */
static enum unseal_verdict ask_for_pin(struct work *w)
{
	if (tpm_is_locked_out(w->t))
		return judge(w, TPM2_RC_LOCKOUT, "take a PIN");
	(void)!err_set(w->e, ERR_UNSUPPORTED, 0, "the secret is given out for a PIN only");
	return UNSEAL_NEEDS_PIN;
}

/* Before the state is known to be right no PIN is stretched, and none is tried. */
static enum unseal_verdict prepare_pin(struct work *w)
{
	int rc;

	if (!w->sealed->has_pin || w->has_pin)
		return UNSEALED;
	if (!w->q->pin)
		return ask_for_pin(w);
	rc = pin_prepare(w->sealed, w->q->pin, &w->pin, w->e);
	w->has_pin = rc == 0;
	return skip(rc);
}

/* The secret comes through a session that is bound to its password. Sets rc to the TPM's answer. */
static TSS2_RC take_secret(struct work *w, const struct salt_key *parent, struct session *policy,
			   struct session_object *object)
{
	struct session cipher;
	size_t n = 0;
	TSS2_RC rc;

	object->n_auth = w->pin.n_auth;
	memcpy(object->auth, w->pin.auth, w->pin.n_auth);
	rc = session_start(w->t, SESSION_HMAC, parent, object, &cipher);
	if (rc == TSS2_RC_SUCCESS)
		rc = session_unseal(w->t, policy, w->sealed->has_pin, &cipher, object,
				    w->secret + w->n_secret, MAX_SECRET, &n);
	session_end(w->t, &cipher);
	if (rc == TSS2_RC_SUCCESS)
		w->n_secret += n;
	return rc;
}

static enum unseal_verdict judge_unsealing(struct work *w, TSS2_RC rc)
{
	if (!w->sealed->has_pin || !is_one_of(rc, TPM2_RC_AUTH_FAIL, TPM2_RC_BAD_AUTH))
		return judge(w, rc, "unseal");
	(void)!err_set(w->e, ERR_TPM_FAILED, 0, "the PIN is wrong");
	return UNSEAL_WRONG_PIN;
}

/* Again from the beginning if a PCR changes meanwhile: of any, as the TPM does not look which. */
static enum unseal_verdict try_object(struct work *w, const struct salt_key *parent, size_t shard,
				      struct session_object *object)
{
	enum unseal_verdict v;
	TSS2_RC rc = TSS2_RC_SUCCESS;

	for (unsigned i = 0; i < MAX_ATTEMPTS; i++) {
		struct session policy;

		v = judge(w, session_start(w->t, SESSION_POLICY, parent, NULL, &policy), "start a session");
		if (v == UNSEALED)
			v = show_and_compare(w, &policy, shard);
		if (v == UNSEALED)
			v = prepare_pin(w);
		if (v == UNSEALED)
			rc = take_secret(w, parent, &policy, object);
		session_end(w->t, &policy);
		if (v != UNSEALED || tpm_bare_code(rc) != TPM2_RC_PCR_CHANGED)
			break;
	}
	return v == UNSEALED ? judge_unsealing(w, rc) : v;
}

/* Keys that were enrolled by old versions have an exponent of 0, and so another name. */
static enum unseal_verdict try_both_keys(struct work *w, const struct salt_key *parent, size_t shard,
					 struct session_object *object)
{
	enum unseal_verdict v;

	if (w->sealed->signed_pcrs) {
		v = skip(pcr_key_parse((struct bytes){ (const uint8_t *)w->sealed->pem, w->sealed->n_pem }, &w->key,
				       w->e));
		if (v != UNSEALED)
			return v;
	}
	v = try_object(w, parent, shard, object);
	if (v != UNSEAL_NOT_HERE || !w->sealed->signed_pcrs || shard > 0)
		return v;
	memset(w->key.public + EXPONENT_AT, 0, EXPONENT_BYTES);
	return try_object(w, parent, shard, object);
}

static enum unseal_verdict unseal_shard(struct work *w, size_t shard)
{
	struct parent parent;
	struct session_object object = { 0 };
	const struct sealed_blob *b = &w->sealed->blobs[shard];
	bool is_whole = true;
	enum unseal_verdict v;
	TSS2_RC rc = parent_get(w->t, w->sealed, &parent);

	if (rc == TSS2_RC_SUCCESS && !parent.is_right)
		return skip(err_set(w->e, ERR_UNSUPPORTED, 0,
				    "the secret is sealed by a TPM with another storage root key"));
	v = judge(w, rc, "find its storage root key");
	if (v == UNSEALED)
		v = judge(w, parent_load(w->t, &parent, (struct bytes){ b->bytes, b->n }, &object, &is_whole),
			  "load the secret, which may be another TPM's");
	if (v == UNSEALED && !is_whole)
		v = skip(err_set(w->e, ERR_UNSUPPORTED, 0, "the sealed secret is damaged"));
	if (v == UNSEALED)
		v = try_both_keys(w, &parent.key, shard, &object);
	if (object.handle)
		command_flush(w->t, object.handle);
	explicit_bzero(&object, sizeof(object));
	parent_put(w->t, &parent);
	return v;
}

/* ---- the whole ---- */

static enum unseal_verdict prepare_pcrlock(struct work *w)
{
	const struct sealed *s = w->sealed;
	int rc;

	if (!s->has_pcrlock)
		return UNSEALED;
	if (w->q->pcrlock.n == 0)
		return skip(err_set(w->e, ERR_UNSUPPORTED, 0, "there is no pcrlock.json"));
	rc = pcrlock_parse(w->q->pcrlock, &w->lock, w->e);
	if (rc == 0 && s->pcrlock_nv.handle && s->pcrlock_nv.handle != w->lock.index)
		rc = err_set(w->e, ERR_UNSUPPORTED, 0, "pcrlock.json is about another index");
	return skip(rc);
}

static enum unseal_verdict finish(struct work *w, char *ret)
{
	uint8_t key[PIN_KEY_BYTES];
	int rc = 0;
	size_t n;

	if (w->pin.has_key) {
		rc = pin_finish(&w->pin, (struct bytes){ w->secret, w->n_secret }, key, w->e);
		memcpy(w->secret, key, sizeof(key));
		w->n_secret = sizeof(key);
		explicit_bzero(key, sizeof(key));
	}
	if (rc == 0 && mbedtls_base64_encode((unsigned char *)ret, UNSEAL_MAX_PASSPHRASE, &n, w->secret,
					     w->n_secret) != 0)
		rc = err_set(w->e, ERR_SYSTEM, 0, "write a secret as text");
	return skip(rc);
}

enum unseal_verdict tpm_unseal(struct tpm *t, const struct unseal_request *q,
			       char ret[static UNSEAL_MAX_PASSPHRASE], struct err *e)
{
	SCOPED(work_free) struct work *w = calloc(1, sizeof(*w));
	enum unseal_verdict v;

	if (!w) {
		(void)!err_set(e, ERR_MEMORY, 0, "no memory to unseal");
		return UNSEAL_FAILED;
	}
	w->t = t;
	w->q = q;
	w->e = e;
	w->sealed = q->sealed;
	w->bank = q->sealed->bank ? tpm_bank_by_algorithm(q->sealed->bank) : best_bank(t);
	v = prepare_pcrlock(w);
	for (size_t i = 0; i < w->sealed->n_blobs && v == UNSEALED; i++)
		v = unseal_shard(w, i);
	return v == UNSEALED ? finish(w, ret) : v;
}
