/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/command.h"

#include <string.h>

#include "modules/tpm/context.h"

enum { MAX_ATTEMPTS = 5, SIZE_AT = 2 };

void command_put(struct command *c, const void *p, size_t n)
{
	if (n > sizeof(c->bytes) - c->n)
		return;
	memcpy(c->bytes + c->n, p, n);
	c->n += n;
}

void command_put_8(struct command *c, unsigned v)
{
	const uint8_t byte = (uint8_t)v;

	command_put(c, &byte, 1);
}

void command_put_16(struct command *c, size_t v)
{
	command_put_8(c, (unsigned)(v >> 8));
	command_put_8(c, (unsigned)v);
}

void command_put_32(struct command *c, uint32_t v)
{
	command_put_16(c, v >> 16);
	command_put_16(c, v);
}

void command_put_sized(struct command *c, const void *p, size_t n)
{
	command_put_16(c, n);
	command_put(c, p, n);
}

void command_begin(struct command *c, bool authorized, uint32_t code)
{
	c->n = 0;
	command_put_16(c, authorized ? TPM2_ST_SESSIONS : TPM2_ST_NO_SESSIONS);
	command_put_32(c, 0);
	command_put_32(c, code);
}

void command_begin_with(struct command *c, bool authorized, uint32_t code, uint32_t handle)
{
	command_begin(c, authorized, code);
	command_put_32(c, handle);
}

void command_put_authorization(struct command *c, uint32_t session)
{
	command_put_32(c, 9); /* bytes that follow: session, nonce, flags, HMAC */
	command_put_32(c, session);
	command_put_16(c, 0);
	command_put_8(c, 0);
	command_put_16(c, 0);
}

/* It has done nothing yet, and takes the same command again. */
static bool is_busy(TSS2_RC rc)
{
	return rc == TPM2_RC_RETRY || rc == TPM2_RC_YIELDED || rc == TPM2_RC_TESTING;
}

static TSS2_RC run_once(struct tpm *t, const uint8_t *command, size_t n, uint64_t deadline_ms,
			struct tpm_answer *ret)
{
	TSS2_RC rc = Tss2_Tcti_Transmit(t->tcti, n, command);

	if (rc != TSS2_RC_SUCCESS)
		return rc;
	do {
		ret->n = sizeof(ret->bytes);
		rc = Tss2_Tcti_Receive(t->tcti, &ret->n, ret->bytes, ms_until(deadline_ms));
	} while (tpm_must_wait(rc, deadline_ms));
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	return ret->n < COMMAND_HEADER_BYTES ? TSS2_TCTI_RC_IO_ERROR : be32(ret->bytes + 6);
}

TSS2_RC tpm_run(struct tpm *t, const uint8_t *command, size_t n, unsigned limit_ms,
		struct tpm_answer *ret)
{
	uint64_t deadline_ms = now_ms() + limit_ms;
	TSS2_RC rc = run_once(t, command, n, deadline_ms, ret);

	for (unsigned i = 1; i < MAX_ATTEMPTS && is_busy(rc); i++)
		rc = run_once(t, command, n, deadline_ms, ret);
	return rc;
}

TSS2_RC command_run_within(struct tpm *t, struct command *c, unsigned limit_ms, size_t n,
			   struct tpm_answer *ret)
{
	TSS2_RC rc;

	c->bytes[SIZE_AT + 2] = (uint8_t)(c->n >> 8);
	c->bytes[SIZE_AT + 3] = (uint8_t)c->n;
	rc = tpm_run(t, c->bytes, c->n, limit_ms, ret);
	return rc == TSS2_RC_SUCCESS && ret->n < n ? TSS2_TCTI_RC_MALFORMED_RESPONSE : rc;
}

TSS2_RC command_run(struct tpm *t, struct command *c, size_t n, struct tpm_answer *ret)
{
	return command_run_within(t, c, TPM_COMMAND_MS, n, ret);
}

TSS2_RC command_do(struct tpm *t, struct command *c)
{
	struct tpm_answer ignored;

	return command_run(t, c, COMMAND_HEADER_BYTES, &ignored);
}

size_t command_copy_sized(const struct tpm_answer *a, size_t at, uint8_t *ret, size_t max)
{
	size_t n = at + 2 <= a->n ? 2u + be16(a->bytes + at) : SIZE_MAX;

	if (n > max || at + n > a->n)
		return 0;
	memcpy(ret, a->bytes + at, n);
	return n;
}

void command_flush(struct tpm *t, uint32_t handle)
{
	/* The handle is no handle here but a parameter, which looks the same. */
	struct command c;

	command_begin_with(&c, false, TPM2_CC_FlushContext, handle);
	(void)command_do(t, &c);
}
