/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long a TPM that had too many wrong passwords goes on to refuse more. */
#include "modules/tpm/context.h"

/* TPM_PT_LOCKOUT_COUNTER, then the number that is allowed, and the seconds after which one is
 * forgotten. */
static const uint8_t get_lockout[] = { 0x80, 1, 0, 0, 0, 22, 0, 0, 1, 0x7a, 0, 0, 0, 6, 0, 0, 2, 0x0e,
				       0, 0, 0, 3 };
enum { COUNT_AT = 10 + 1 + 4, VALUES_AT = COUNT_AT + 4 + 4, STEP = 8, END = VALUES_AT + 2 * STEP + 4 };

static int say_how_long(struct err *e, const uint8_t *values, TSS2_RC rc, const char *doing)
{
	uint32_t n = be32(values), allowed = be32(values + STEP), interval_s = be32(values + 2 * STEP);
	uint64_t too_many = n >= allowed ? (uint64_t)n - allowed + 1 : 1;

	return err_set(e, ERR_TPM_FAILED, 0,
		       "the TPM cannot %s: it is locked out after %u wrong passwords, and takes the next "
		       "in %llu s at the latest, if it stays on (0x%08x)",
		       doing, n, (unsigned long long)(too_many * interval_s), (unsigned)rc);
}

int tpm_refused(struct tpm *t, struct err *e, TSS2_RC rc, const char *doing)
{
	struct tpm_answer answer;

	if (tpm_bare_code(rc) != TPM2_RC_LOCKOUT ||
	    tpm_run(t, get_lockout, sizeof(get_lockout), TPM_COMMAND_MS, &answer) != TSS2_RC_SUCCESS ||
	    answer.n != END || be32(answer.bytes + COUNT_AT) != 3)
		return tpm_failed(e, rc, doing);
	return say_how_long(e, answer.bytes + VALUES_AT, rc, doing);
}

bool tpm_is_locked_out(struct tpm *t)
{
	/* TPM_PT_PERMANENT, and in it inLockout */
	static const uint8_t get_permanent[] = { 0x80, 1, 0, 0, 0, 22, 0, 0, 1, 0x7a, 0, 0, 0, 6, 0, 0, 2, 0,
						 0, 0, 0, 1 };
	enum { VALUE_AT = COUNT_AT + 4 + 4, IN_LOCKOUT = 0x200 };
	struct tpm_answer answer;

	return tpm_run(t, get_permanent, sizeof(get_permanent), TPM_COMMAND_MS, &answer) == TSS2_RC_SUCCESS &&
	       answer.n == VALUE_AT + 4 && be32(answer.bytes + VALUE_AT) & IN_LOCKOUT;
}
