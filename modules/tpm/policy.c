/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/policy.h"

#include <string.h>

#include "modules/tpm/context.h"

TSS2_RC policy_pcr(struct tpm *t, uint32_t session, uint16_t bank, uint32_t pcrs)
{
	uint8_t selection[PCR_SELECTION_BYTES];
	struct command c;

	if (!pcrs)
		return TSS2_RC_SUCCESS;
	pcr_select(bank, pcrs, selection);
	command_begin_with(&c, false, TPM2_CC_PolicyPCR, session);
	command_put_16(&c, 0); /* whatever the values are */
	command_put(&c, selection, sizeof(selection));
	return command_do(t, &c);
}

TSS2_RC policy_or(struct tpm *t, uint32_t session, uint8_t branches[][PCR_DIGEST_BYTES], size_t n)
{
	struct command c;

	command_begin_with(&c, false, TPM2_CC_PolicyOR, session);
	command_put_32(&c, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		command_put_sized(&c, branches[i], PCR_DIGEST_BYTES);
	return command_do(t, &c);
}

TSS2_RC policy_auth_value(struct tpm *t, uint32_t session)
{
	struct command c;

	command_begin_with(&c, false, TPM2_CC_PolicyAuthValue, session);
	return command_do(t, &c);
}

TSS2_RC policy_digest(struct tpm *t, uint32_t session, uint8_t ret[static PCR_DIGEST_BYTES])
{
	struct tpm_answer a;
	struct command c;
	TSS2_RC rc;

	command_begin_with(&c, false, TPM2_CC_PolicyGetDigest, session);
	rc = command_run(t, &c, COMMAND_HEADER_BYTES + 2 + PCR_DIGEST_BYTES, &a);
	if (rc == TSS2_RC_SUCCESS)
		memcpy(ret, a.bytes + COMMAND_HEADER_BYTES + 2, PCR_DIGEST_BYTES);
	return rc;
}

/* ---- signed policies ---- */

/* The handle of the key, which the caller flushes. */
static TSS2_RC load_key(struct tpm *t, const struct pcr_key *k, uint32_t *ret)
{
	struct tpm_answer answer;
	struct command c;
	TSS2_RC rc;

	command_begin(&c, false, TPM2_CC_LoadExternal);
	command_put_16(&c, 0);      /* no private part */
	command_put_sized(&c, k->public, sizeof(k->public));
	command_put_32(&c, COMMAND_OWNER); /* tickets of no hierarchy are worth nothing */
	rc = command_run(t, &c, COMMAND_HEADER_BYTES + 4, &answer);
	if (rc == TSS2_RC_SUCCESS)
		*ret = be32(answer.bytes + COMMAND_HEADER_BYTES);
	return rc;
}

static TSS2_RC verify(struct tpm *t, uint32_t key, const uint8_t digest[static PCR_DIGEST_BYTES],
		      const uint8_t *signature, struct policy_ticket *ret)
{
	struct tpm_answer answer;
	struct command c;
	TSS2_RC rc;

	command_begin_with(&c, false, TPM2_CC_VerifySignature, key);
	command_put_sized(&c, digest, PCR_DIGEST_BYTES);
	command_put_16(&c, TPM2_ALG_RSASSA);
	command_put_16(&c, TPM2_ALG_SHA256);
	command_put_sized(&c, signature, PCR_KEY_BYTES);
	rc = command_run(t, &c, COMMAND_HEADER_BYTES + 1, &answer);
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	if (answer.n - COMMAND_HEADER_BYTES > sizeof(ret->bytes))
		return TSS2_TCTI_RC_IO_ERROR;
	ret->n = answer.n - COMMAND_HEADER_BYTES;
	memcpy(ret->bytes, answer.bytes + COMMAND_HEADER_BYTES, ret->n);
	return rc;
}

TSS2_RC policy_verify(struct tpm *t, const struct pcr_key *k, const uint8_t policy[static PCR_DIGEST_BYTES],
		      struct bytes ref, const uint8_t signature[static PCR_KEY_BYTES],
		      struct policy_ticket *ret)
{
	uint8_t both[2 * PCR_DIGEST_BYTES], digest[PCR_DIGEST_BYTES];
	uint32_t key = 0;
	TSS2_RC rc = load_key(t, k, &key);

	if (rc != TSS2_RC_SUCCESS)
		return rc;
	memcpy(both, policy, PCR_DIGEST_BYTES);
	if (ref.n)
		memcpy(both + PCR_DIGEST_BYTES, ref.p, PCR_DIGEST_BYTES);
	pcr_sha256(both, PCR_DIGEST_BYTES + ref.n, digest);
	rc = verify(t, key, digest, signature, ret);
	command_flush(t, key);
	return rc;
}

TSS2_RC policy_authorize(struct tpm *t, uint32_t session, const struct pcr_key *k,
			 const uint8_t policy[static PCR_DIGEST_BYTES], struct bytes ref,
			 const struct policy_ticket *ticket)
{
	uint8_t name[2 + PCR_DIGEST_BYTES] = { 0, TPM2_ALG_SHA256 };
	struct command c;

	pcr_sha256(k->public, sizeof(k->public), name + 2);
	command_begin_with(&c, false, TPM2_CC_PolicyAuthorize, session);
	command_put_sized(&c, policy, PCR_DIGEST_BYTES);
	command_put_sized(&c, ref.p, ref.n);
	command_put_sized(&c, name, sizeof(name));
	command_put(&c, ticket->bytes, ticket->n);
	return command_do(t, &c);
}

/* ---- pcrlock ---- */

/* A PCR that may have several values. */
static TSS2_RC show_one_of(struct tpm *t, uint32_t session, const struct pcrlock *p, unsigned pcr)
{
	uint8_t now[PCR_DIGEST_BYTES], branches[PCRLOCK_MAX_VALUES][PCR_DIGEST_BYTES];
	const struct pcrlock_values *v = &p->pcrs[pcr];
	TSS2_RC rc = policy_digest(t, session, now);

	if (rc == TSS2_RC_SUCCESS)
		rc = policy_pcr(t, session, p->bank, 1u << pcr);
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	for (size_t i = 0; i < v->n; i++)
		pcr_policy(now, p->bank, pcr, (struct bytes){ v->at[i], p->n_digest }, branches[i]);
	return policy_or(t, session, branches, v->n);
}

/* The owner may read the index, without a password. */
static TSS2_RC show_index(struct tpm *t, uint32_t session, uint32_t index)
{
	struct command c;

	command_begin_with(&c, true, TPM2_CC_PolicyAuthorizeNV, COMMAND_OWNER);
	command_put_32(&c, index);
	command_put_32(&c, session);
	command_put_authorization(&c, COMMAND_PASSWORD);
	return command_do(t, &c);
}

TSS2_RC policy_pcrlock(struct tpm *t, uint32_t session, const struct pcrlock *p)
{
	uint32_t single = 0;
	TSS2_RC rc;

	for (unsigned pcr = 0; pcr < TPM_N_PCRS; pcr++)
		if (p->pcrs[pcr].n == 1)
			single |= 1u << pcr;
	rc = policy_pcr(t, session, p->bank, single);
	for (unsigned pcr = 0; pcr < TPM_N_PCRS && rc == TSS2_RC_SUCCESS; pcr++)
		if (p->pcrs[pcr].n > 1)
			rc = show_one_of(t, session, p, pcr);
	return rc == TSS2_RC_SUCCESS ? show_index(t, session, p->index) : rc;
}
