/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/nvindex.h"

#include <errno.h>
#include <mbedtls/sha256.h>
#include <stdio.h>
#include <string.h>

#include "modules/tpm/context.h"

enum {
	HEADER_BYTES = 10,
	COMMAND_BYTES = 640,
	PHASE_PCR = 11,
	OWNER = 0x40000001,
	NULL_HANDLE = 0x40000007,
	PASSWORD = 0x40000009,
	SHA256 = 0x0b,
	NO_CIPHER = 0x10,
	POLICY_SESSION = 1,
	NONCE_BYTES = 16,
	ATTRIBUTES_AT = 6, /* in TPMS_NV_PUBLIC */
	WRITTEN = 0x20,    /* in the first byte of the attributes */
	TO_CLEAR = 0x08,
	TYPE_EXTEND = 0x40, /* in the last one, with POLICYWRITE */
};

/* A command as it goes over the wire. Nothing here is longer than a key. */
struct command {
	size_t n;
	uint8_t bytes[COMMAND_BYTES];
};

static void put(struct command *c, const void *p, size_t n)
{
	memcpy(c->bytes + c->n, p, n);
	c->n += n;
}

static void put_16(struct command *c, size_t v)
{
	const uint8_t bytes[] = { (uint8_t)(v >> 8), (uint8_t)v };

	put(c, bytes, sizeof(bytes));
}

static void put_32(struct command *c, uint32_t v)
{
	put_16(c, v >> 16);
	put_16(c, v);
}

static void put_sized(struct command *c, const void *p, size_t n)
{
	put_16(c, n);
	put(c, p, n);
}

/* With a handle, as all these commands have one. */
static void begin(struct command *c, bool authorized, uint32_t code, uint32_t handle)
{
	c->n = 0;
	put_16(c, authorized ? 0x8002 : 0x8001);
	put_32(c, 0);
	put_32(c, code);
	put_32(c, handle);
}

/* By a session without a nonce and a key of its own, which ends with this command; or the
 * empty password. */
static void put_authorization(struct command *c, uint32_t session)
{
	put_32(c, 9);
	put_32(c, session);
	put_16(c, 0);
	put(c, "", 1);
	put_16(c, 0);
}

static TSS2_RC run(struct tpm *t, struct command *c, struct tpm_answer *ret)
{
	const uint8_t size[] = { (uint8_t)(c->n >> 8), (uint8_t)c->n };

	memcpy(c->bytes + 4, size, sizeof(size));
	return tpm_run(t, c->bytes, c->n, TPM_COMMAND_MS, ret);
}

static TSS2_RC run_quietly(struct tpm *t, struct command *c)
{
	struct tpm_answer ignored;

	return run(t, c, &ignored);
}

static void flush(struct tpm *t, uint32_t handle)
{
	/* The handle is no handle here but a parameter, which looks the same. */
	struct command c;

	begin(&c, false, TPM2_CC_FlushContext, handle);
	(void)run_quietly(t, &c);
}

/* ---- the permit ---- */

/* The handle of the key, which the caller flushes. */
static TSS2_RC load_key(struct tpm *t, const struct pcr_key *k, uint32_t *ret)
{
	uint8_t public[PCR_KEY_MAX_PUBLIC];
	size_t n = pcr_key_public(k, public);
	struct tpm_answer answer;
	struct command c = { 0 };
	TSS2_RC rc;

	begin(&c, false, TPM2_CC_LoadExternal, 0);
	c.n = HEADER_BYTES; /* the one without a handle */
	put_16(&c, 0);      /* no private part */
	put_sized(&c, public, n);
	put_32(&c, OWNER); /* tickets of no hierarchy are worth nothing */
	rc = run(t, &c, &answer);
	if (rc == TSS2_RC_SUCCESS && answer.n < HEADER_BYTES + 4)
		return TSS2_TCTI_RC_IO_ERROR;
	if (rc == TSS2_RC_SUCCESS)
		*ret = be32(answer.bytes + HEADER_BYTES);
	return rc;
}

/* What a key signs here is the policy and its reference, of which only digests count. */
static TSS2_RC verify(struct tpm *t, uint32_t key, const uint8_t digest[static PCR_DIGEST_BYTES],
		      const uint8_t *signature, struct nvpcr_permit *p)
{
	struct tpm_answer answer;
	struct command c;
	TSS2_RC rc;

	begin(&c, false, TPM2_CC_VerifySignature, key);
	put_sized(&c, digest, PCR_DIGEST_BYTES);
	put_16(&c, TPM2_ALG_RSASSA);
	put_16(&c, SHA256);
	put_sized(&c, signature, p->key.n);
	rc = run(t, &c, &answer);
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	if (answer.n <= HEADER_BYTES || answer.n - HEADER_BYTES > sizeof(p->ticket))
		return TSS2_TCTI_RC_IO_ERROR;
	p->n_ticket = answer.n - HEADER_BYTES;
	memcpy(p->ticket, answer.bytes + HEADER_BYTES, p->n_ticket);
	return rc;
}

static int check_signature(struct tpm *t, const uint8_t *signature, struct nvpcr_permit *p,
			   struct err *e)
{
	uint8_t both[2 * PCR_DIGEST_BYTES], digest[PCR_DIGEST_BYTES];
	uint32_t key = 0;
	TSS2_RC rc;

	memcpy(both, p->policy, PCR_DIGEST_BYTES);
	if (mbedtls_sha256((const uint8_t *)NVPCR_REF, strlen(NVPCR_REF), both + PCR_DIGEST_BYTES, 0) != 0 ||
	    mbedtls_sha256(both, sizeof(both), digest, 0) != 0)
		return err_set(e, ERR_SYSTEM, 0, "compute the digest of what was signed");
	rc = load_key(t, &p->key, &key);
	if (rc == TSS2_RC_SUCCESS) {
		rc = verify(t, key, digest, signature, p);
		flush(t, key);
	}
	return rc == TSS2_RC_SUCCESS ? 0 : tpm_failed(e, rc, "accept the PCR signature of this phase");
}

/* The bank that was signed. */
static int find_signature(const struct tpm *t, const struct measurement *now, struct bytes signatures,
			  struct nvpcr_permit *p, uint8_t ret[static PCR_KEY_MAX_BYTES],
			  struct err *e)
{
	int rc = err_set(e, ERR_UNSUPPORTED, 0, "there is no PCR bank");

	for (size_t i = now->n_digests; i-- > 0 && rc < 0;) {
		const struct tpm_digest *d = &now->digests[i];

		p->bank = t->used.at[i]->algorithm;
		rc = pcr_policy(p->bank, (struct bytes){ d->bytes, d->n_bytes }, p->policy, e);
		if (rc == 0)
			rc = pcr_signature_find(signatures, &p->key, d->bank, p->policy, NVPCR_REF, ret, e);
	}
	return rc;
}

int nvpcr_allow(struct tpm *t, struct bytes pem, struct bytes signatures, struct nvpcr_permit *ret,
		struct err *e)
{
	uint8_t signature[PCR_KEY_MAX_BYTES];
	struct nvpcr_permit p = { 0 };
	struct measurement now;
	int rc = pcr_key_parse(pem, &p.key, e);

	if (rc == 0)
		rc = nvpcr_authority(&p.key, p.authority, e);
	if (rc == 0)
		rc = tpm_read(t, PHASE_PCR, &now, e);
	if (rc == 0)
		rc = find_signature(t, &now, signatures, &p, signature, e);
	if (rc == 0)
		rc = check_signature(t, signature, &p, e);
	if (rc == 0)
		*ret = p;
	return rc;
}

/* ---- sessions ---- */

/* The nonce would make a session's key fresh, and this one has none. */
static TSS2_RC start_session(struct tpm *t, uint32_t *ret)
{
	static const uint8_t nonce[NONCE_BYTES];
	struct tpm_answer answer;
	struct command c;
	TSS2_RC rc;

	begin(&c, false, TPM2_CC_StartAuthSession, NULL_HANDLE);
	put_32(&c, NULL_HANDLE);
	put_sized(&c, nonce, sizeof(nonce));
	put_16(&c, 0);
	put(&c, (const uint8_t[]){ POLICY_SESSION }, 1);
	put_16(&c, NO_CIPHER);
	put_16(&c, SHA256);
	rc = run(t, &c, &answer);
	if (rc == TSS2_RC_SUCCESS && answer.n < HEADER_BYTES + 4)
		return TSS2_TCTI_RC_IO_ERROR;
	if (rc == TSS2_RC_SUCCESS)
		*ret = be32(answer.bytes + HEADER_BYTES);
	return rc;
}

/* The first branch: PCR 11 as it is, which was signed. */
static TSS2_RC show_permit(struct tpm *t, uint32_t session, const struct nvpcr_permit *p)
{
	uint8_t ref[PCR_DIGEST_BYTES], public[PCR_KEY_MAX_PUBLIC], name[2 + PCR_DIGEST_BYTES] = { 0, SHA256 };
	struct command c;
	TSS2_RC rc;

	if (mbedtls_sha256((const uint8_t *)NVPCR_REF, strlen(NVPCR_REF), ref, 0) != 0 ||
	    mbedtls_sha256(public, pcr_key_public(&p->key, public), name + 2, 0) != 0)
		return TSS2_TCTI_RC_GENERAL_FAILURE;
	begin(&c, false, TPM2_CC_PolicyPCR, session);
	put_16(&c, 0); /* whatever the value is */
	put_32(&c, 1);
	put_16(&c, p->bank);
	put(&c, (const uint8_t[]){ 3, 0, 1 << (PHASE_PCR - 8), 0 }, 4);
	rc = run_quietly(t, &c);
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	begin(&c, false, TPM2_CC_PolicyAuthorize, session);
	put_sized(&c, p->policy, sizeof(p->policy));
	put_sized(&c, ref, sizeof(ref));
	put_sized(&c, name, sizeof(name));
	put(&c, p->ticket, p->n_ticket);
	return run_quietly(t, &c);
}

/* The second one. */
static TSS2_RC show_written(struct tpm *t, uint32_t session)
{
	struct command c;

	begin(&c, false, TPM2_CC_PolicyNvWritten, session);
	put(&c, (const uint8_t[]){ 1 }, 1);
	return run_quietly(t, &c);
}

static TSS2_RC show_either(struct tpm *t, uint32_t session,
			   const uint8_t authority[static PCR_DIGEST_BYTES])
{
	struct command c;

	begin(&c, false, TPM2_CC_PolicyOR, session);
	put_32(&c, 2);
	put_sized(&c, authority, PCR_DIGEST_BYTES);
	put_sized(&c, nvpcr_written, PCR_DIGEST_BYTES);
	return run_quietly(t, &c);
}

/* permit: to begin it; NULL for what was begun. */
static TSS2_RC extend(struct tpm *t, uint32_t index, const struct nvpcr_permit *permit,
		      const uint8_t authority[static PCR_DIGEST_BYTES],
		      const uint8_t data[static PCR_DIGEST_BYTES])
{
	struct command c;
	uint32_t session;
	TSS2_RC rc = start_session(t, &session);

	if (rc != TSS2_RC_SUCCESS)
		return rc;
	rc = permit ? show_permit(t, session, permit) : show_written(t, session);
	if (rc == TSS2_RC_SUCCESS)
		rc = show_either(t, session, authority);
	if (rc == TSS2_RC_SUCCESS) {
		begin(&c, true, TPM2_CC_NV_Extend, index);
		put_32(&c, index);
		put_authorization(&c, session);
		put_sized(&c, data, PCR_DIGEST_BYTES);
		rc = run_quietly(t, &c);
	}
	if (rc != TSS2_RC_SUCCESS)
		flush(t, session);
	return rc;
}

/* ---- the index ---- */

static TSS2_RC define(struct tpm *t, const uint8_t public[static NVPCR_PUBLIC_BYTES])
{
	struct command c;

	begin(&c, true, TPM2_CC_NV_DefineSpace, OWNER);
	put_authorization(&c, PASSWORD);
	put_16(&c, 0); /* no password */
	put_sized(&c, public, NVPCR_PUBLIC_BYTES);
	c.bytes[c.n - NVPCR_PUBLIC_BYTES + ATTRIBUTES_AT] &= (uint8_t)~WRITTEN;
	return run_quietly(t, &c);
}

static TSS2_RC undefine(struct tpm *t, uint32_t index)
{
	struct command c;

	begin(&c, true, TPM2_CC_NV_UndefineSpace, OWNER);
	put_32(&c, index);
	put_authorization(&c, PASSWORD);
	return run_quietly(t, &c);
}

/* 1 if there is one that need not be made, 0 if there is none. Another NvPCR in its place is of
 * a key that was replaced. */
static int find(struct tpm *t, const struct nvpcr *n, const uint8_t wanted[static NVPCR_PUBLIC_BYTES],
		struct err *e)
{
	struct tpm_answer a;
	struct command c;
	const uint8_t *found = a.bytes + HEADER_BYTES + 2;
	bool begun;
	TSS2_RC rc;

	begin(&c, false, TPM2_CC_NV_ReadPublic, n->index);
	rc = run(t, &c, &a);
	if (tpm_bare_code(rc) == TPM2_RC_HANDLE)
		return 0;
	if (rc != TSS2_RC_SUCCESS)
		return tpm_failed(e, rc, "read what its index is");
	if (a.n < HEADER_BYTES + 2 + NVPCR_PUBLIC_BYTES || found[-2] || found[-1] != NVPCR_PUBLIC_BYTES ||
	    !(found[ATTRIBUTES_AT] & TO_CLEAR) || (found[ATTRIBUTES_AT + 3] & 0xf0) != TYPE_EXTEND)
		return err_set(e, ERR_UNSUPPORTED, 0, "index 0x%x is in use for something else",
			       (unsigned)n->index);
	begun = found[ATTRIBUTES_AT] & WRITTEN;
	a.bytes[HEADER_BYTES + 2 + ATTRIBUTES_AT] |= WRITTEN;
	if (memcmp(found, wanted, NVPCR_PUBLIC_BYTES) == 0)
		return begun ? err_set(e, ERR_UNSUPPORTED, 0, "index 0x%x was begun before",
				       (unsigned)n->index) : 1;
	rc = undefine(t, n->index);
	return rc == TSS2_RC_SUCCESS ? 0 : tpm_failed(e, rc, "remove an index of another key");
}

int nvpcr_begin(struct tpm *t, const struct nvpcr *n, const struct nvpcr_permit *p, struct err *e)
{
	static const uint8_t zeros[PCR_DIGEST_BYTES];
	uint8_t public[NVPCR_PUBLIC_BYTES];
	TSS2_RC tss = TSS2_RC_SUCCESS;
	int rc = nvpcr_public(n, p->authority, public, e);

	if (rc == 0)
		rc = find(t, n, public, e);
	if (rc == 0)
		tss = define(t, public);
	if (tss == TPM2_RC_NV_SPACE)
		rc = err_set(e, ERR_TPM_FAILED, ENOSPC, "the TPM has no room for an index");
	else if (tss != TSS2_RC_SUCCESS)
		rc = tpm_failed(e, tss, "make an index");
	if (rc >= 0)
		tss = extend(t, n->index, p, p->authority, zeros);
	if (rc >= 0 && tss != TSS2_RC_SUCCESS)
		rc = tpm_failed(e, tss, "begin an index");
	return rc < 0 ? err_in(e, "NvPCR '%s'", n->name) : 0;
}

struct extension {
	const struct nvpcr *nvpcr;
	const uint8_t *authority;
};

static int extend_logged(struct tpm *t, const struct measurement *m, const void *arg, struct err *e)
{
	const struct extension *x = arg;
	TSS2_RC rc = extend(t, x->nvpcr->index, NULL, x->authority, m->digests[0].bytes);

	return rc == TSS2_RC_SUCCESS ? 0 : tpm_failed(e, rc, "extend an index");
}

int nvpcr_measure(struct tpm *t, const struct nvpcr *n,
		  const uint8_t authority[static PCR_DIGEST_BYTES], const char *text,
		  const char *event_type, struct measurement *ret, struct err *e)
{
	const struct extension x = { n, authority };
	struct measurement m = { .nv_index = n->index, .n_digests = 1,
				 .digests = { { .bank = "sha256", .n_bytes = PCR_DIGEST_BYTES } } };
	int rc;

	if (!tpm_is_plain(text) ||
	    mbedtls_sha256((const uint8_t *)text, strlen(text), m.digests[0].bytes, 0) != 0)
		return err_set(e, ERR_TPM_FAILED, 0, "the text cannot be measured into NvPCR '%s'", n->name);
	snprintf(m.text, sizeof(m.text), "%s", text);
	snprintf(m.nvpcr, sizeof(m.nvpcr), "%s", n->name);
	rc = tpm_extend_logged(t, &m, event_type, extend_logged, &x, e);
	if (rc < 0)
		return err_in(e, "measuring '%.100s' into NvPCR '%s'", text, n->name);
	*ret = m;
	return 0;
}
