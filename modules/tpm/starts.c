/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether the TPM is still the one that was opened: a reset empties its PCRs, and what is
 * measured afterwards stands alone there. */
#include "modules/tpm/context.h"

int tpm_read_starts(struct tpm *t, struct tpm_starts *ret, struct err *e)
{
	static const uint8_t read_clock[] = { 0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x81 };
	enum { RESETS_AT = 10 + 8 + 8, RESTARTS_AT = RESETS_AT + 4, END = RESTARTS_AT + 4 };
	struct tpm_answer answer;
	TSS2_RC rc = tpm_run(t, read_clock, sizeof(read_clock), TPM_COMMAND_MS, &answer);

	if (rc != TSS2_RC_SUCCESS)
		return tpm_failed(e, rc, "read its clock");
	if (answer.n < END)
		return err_set(e, ERR_TPM_FAILED, 0, "the TPM cuts its clock off");
	ret->resets = be32(answer.bytes + RESETS_AT);
	ret->restarts = be32(answer.bytes + RESTARTS_AT);
	return 0;
}

int tpm_check_starts(struct tpm *t, struct err *e)
{
	struct tpm_starts now;
	int rc = tpm_read_starts(t, &now, e);

	if (rc < 0)
		return rc;
	if (now.resets != t->starts.resets || now.restarts != t->starts.restarts)
		return err_set(e, ERR_TPM_FAILED, 0,
			       "the TPM was reset in the middle of the boot and lost what was measured");
	return 0;
}
