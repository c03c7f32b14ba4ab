/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/nvindex.h"

#include <errno.h>
#include <string.h>

#include "modules/tpm/context.h"

enum {
	SHA256 = 0x0b,
	NO_CIPHER = 0x10,
	POLICY_SESSION = 1,
	NONCE_BYTES = 16,
	TYPE_EXTEND = 0x40, /* in the last byte of the attributes, with POLICYWRITE */
};

/* ---- the permit ---- */

/* The reference counts by its digest. */
static struct bytes reference(uint8_t digest[static PCR_DIGEST_BYTES])
{
	pcr_sha256(NVPCR_REF, strlen(NVPCR_REF), digest);
	return (struct bytes){ digest, PCR_DIGEST_BYTES };
}

static int check_signature(struct tpm *t, const uint8_t *signature, struct nvpcr_permit *p,
			   struct err *e)
{
	uint8_t ref[PCR_DIGEST_BYTES];
	TSS2_RC rc = policy_verify(t, &p->key, p->policy, reference(ref), signature, &p->ticket);

	return rc == TSS2_RC_SUCCESS ? 0 : tpm_failed(e, rc, "accept the PCR signature of this phase");
}

/* The bank that was signed. */
static int find_signature(const struct tpm *t, const struct measurement *now, struct bytes signatures,
			  struct nvpcr_permit *p, uint8_t ret[static PCR_KEY_BYTES],
			  struct err *e)
{
	int rc = err_set(e, ERR_UNSUPPORTED, 0, "there is no PCR bank");

	for (size_t i = now->n_digests; i-- > 0 && rc < 0;) {
		const struct tpm_digest *d = &now->digests[i];

		p->bank = t->used.at[i]->algorithm;
		pcr_phase_policy(p->bank, (struct bytes){ d->bytes, d->n_bytes }, p->policy);
		rc = pcr_signature_find(signatures, &p->key, d->bank, p->policy, NVPCR_REF, ret, e);
	}
	return rc;
}

int nvpcr_allow(struct tpm *t, struct bytes pem, struct bytes signatures, struct nvpcr_permit *ret,
		struct err *e)
{
	uint8_t signature[PCR_KEY_BYTES];
	struct nvpcr_permit p = { 0 };
	struct measurement now;
	int rc = pcr_key_parse(pem, &p.key, e);

	if (rc == 0)
		rc = tpm_read(t, PHASE_PCR, &now, e);
	if (rc == 0)
		rc = find_signature(t, &now, signatures, &p, signature, e);
	if (rc == 0)
		rc = check_signature(t, signature, &p, e);
	if (rc < 0)
		return rc;
	nvpcr_authority(&p.key, p.authority);
	*ret = p;
	return 0;
}

/* ---- sessions ---- */

/* The nonce would make a session's key fresh, and this one has none. */
static TSS2_RC start_session(struct tpm *t, uint32_t *ret)
{
	static const uint8_t nonce[NONCE_BYTES];
	struct tpm_answer answer;
	struct command c;
	TSS2_RC rc;

	command_begin_with(&c, false, TPM2_CC_StartAuthSession, COMMAND_NULL);
	command_put_32(&c, COMMAND_NULL);
	command_put_sized(&c, nonce, sizeof(nonce));
	command_put_16(&c, 0);
	command_put_8(&c, POLICY_SESSION);
	command_put_16(&c, NO_CIPHER);
	command_put_16(&c, SHA256);
	rc = command_run(t, &c, COMMAND_HEADER_BYTES + 4, &answer);
	if (rc == TSS2_RC_SUCCESS)
		*ret = be32(answer.bytes + COMMAND_HEADER_BYTES);
	return rc;
}

/* The first branch: PCR 11 as it is, which was signed. */
static TSS2_RC show_permit(struct tpm *t, uint32_t session, const struct nvpcr_permit *p)
{
	uint8_t ref[PCR_DIGEST_BYTES];
	TSS2_RC rc = policy_pcr(t, session, p->bank, 1u << PHASE_PCR);

	return rc == TSS2_RC_SUCCESS
		       ? policy_authorize(t, session, &p->key, p->policy, reference(ref), &p->ticket)
		       : rc;
}

/* The second one. */
static TSS2_RC show_written(struct tpm *t, uint32_t session)
{
	struct command c;

	command_begin_with(&c, false, TPM2_CC_PolicyNvWritten, session);
	command_put_8(&c, 1);
	return command_do(t, &c);
}

static TSS2_RC show_either(struct tpm *t, uint32_t session,
			   const uint8_t authority[static PCR_DIGEST_BYTES])
{
	uint8_t branches[2][PCR_DIGEST_BYTES];

	memcpy(branches[0], authority, PCR_DIGEST_BYTES);
	memcpy(branches[1], nvpcr_written, PCR_DIGEST_BYTES);
	return policy_or(t, session, branches, 2);
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
		command_begin_with(&c, true, TPM2_CC_NV_Extend, index);
		command_put_32(&c, index);
		command_put_authorization(&c, session);
		command_put_sized(&c, data, PCR_DIGEST_BYTES);
		rc = command_do(t, &c);
	}
	if (rc != TSS2_RC_SUCCESS)
		command_flush(t, session);
	return rc;
}

/* ---- the index ---- */

static TSS2_RC define(struct tpm *t, const uint8_t public[static NVPCR_PUBLIC_BYTES])
{
	struct command c;

	command_begin_with(&c, true, TPM2_CC_NV_DefineSpace, COMMAND_OWNER);
	command_put_authorization(&c, COMMAND_PASSWORD);
	command_put_16(&c, 0); /* no password */
	command_put_sized(&c, public, NVPCR_PUBLIC_BYTES);
	c.bytes[c.n - NVPCR_PUBLIC_BYTES + NVPCR_ATTRIBUTES_AT] &= (uint8_t)~NVPCR_WRITTEN;
	return command_do(t, &c);
}

static TSS2_RC undefine(struct tpm *t, uint32_t index)
{
	struct command c;

	command_begin_with(&c, true, TPM2_CC_NV_UndefineSpace, COMMAND_OWNER);
	command_put_32(&c, index);
	command_put_authorization(&c, COMMAND_PASSWORD);
	return command_do(t, &c);
}

/* 1 if there is one that need not be made, 0 if there is none. Another NvPCR in its place is of
 * a key that was replaced. */
static int find(struct tpm *t, const struct nvpcr *n, const uint8_t wanted[static NVPCR_PUBLIC_BYTES],
		struct err *e)
{
	struct tpm_answer a;
	struct command c;
	const uint8_t *found = a.bytes + COMMAND_HEADER_BYTES + 2;
	bool begun;
	TSS2_RC rc;

	command_begin_with(&c, false, TPM2_CC_NV_ReadPublic, n->index);
	rc = command_run(t, &c, COMMAND_HEADER_BYTES, &a);
	if (tpm_bare_code(rc) == TPM2_RC_HANDLE)
		return 0;
	if (rc != TSS2_RC_SUCCESS)
		return tpm_failed(e, rc, "read what its index is");
	if (a.n < COMMAND_HEADER_BYTES + 2 + NVPCR_PUBLIC_BYTES || found[-2] || found[-1] != NVPCR_PUBLIC_BYTES ||
	    !(found[NVPCR_ATTRIBUTES_AT] & NVPCR_CLEARED) || (found[NVPCR_ATTRIBUTES_AT + 3] & 0xf0) != TYPE_EXTEND)
		return err_set(e, ERR_UNSUPPORTED, 0, "index 0x%x is in use for something else",
			       (unsigned)n->index);
	begun = found[NVPCR_ATTRIBUTES_AT] & NVPCR_WRITTEN;
	a.bytes[COMMAND_HEADER_BYTES + 2 + NVPCR_ATTRIBUTES_AT] |= NVPCR_WRITTEN;
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
	int rc;

	nvpcr_public(n, p->authority, public);
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
	return rc < 0 ? rc : 0;
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

	if (!tpm_is_plain(text))
		return err_set(e, ERR_TPM_FAILED, 0, "the text cannot be measured into NvPCR '%s'", n->name);
	pcr_sha256(text, strlen(text), m.digests[0].bytes);
	strcpy(m.text, text); /* as tpm_is_plain() looked at its length */
	strcpy(m.nvpcr, n->name);
	m.start_us = now_us();
	rc = tpm_extend_logged(t, &m, event_type, extend_logged, &x, e);
	m.duration_us = now_us() - m.start_us;
	if (rc < 0)
		return err_in(e, "measuring '%.100s' into NvPCR '%s'", text, n->name);
	*ret = m;
	return 0;
}
