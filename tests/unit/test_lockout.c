/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TPM that takes no more passwords for a while. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "modules/tpm/context.h"
#include "modules/tpm/srk.h"
#include "tests/unit/emulator.h"

/* A secret with a password of which the TPM counts wrong tries; returns its handle. */
static uint32_t seal_with_password(struct tpm *t)
{
	static const uint8_t secret[] = "\0\4good\0\6secret"; /* password, content */
	static const uint8_t public[] = {
		0, TPM2_ALG_KEYEDHASH, 0, TPM2_ALG_SHA256, 0, 0, 0,
		TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT,
		0, 0, 0, TPM2_ALG_NULL, 0, 0,
	};
	struct tpm_answer a;
	struct command c;

	command_begin_with(&c, true, TPM2_CC_CreatePrimary, COMMAND_OWNER);
	command_put_authorization(&c, COMMAND_PASSWORD);
	command_put_sized(&c, secret, sizeof(secret) - 1);
	command_put_sized(&c, public, sizeof(public));
	command_put_16(&c, 0);
	command_put_32(&c, 0);
	assert_int_equal(command_run(t, &c, COMMAND_HEADER_BYTES + 4, &a), TSS2_RC_SUCCESS);
	return be32(a.bytes + COMMAND_HEADER_BYTES);
}

static TSS2_RC unseal(struct tpm *t, uint32_t handle, const char *password)
{
	struct command c;

	command_begin_with(&c, true, TPM2_CC_Unseal, handle);
	command_put_32(&c, (uint32_t)(9 + strlen(password)));
	command_put_32(&c, COMMAND_PASSWORD);
	command_put_16(&c, 0);
	command_put_8(&c, 0);
	command_put_sized(&c, password, strlen(password));
	return command_do(t, &c);
}

/* One that really is locked out says for how long, and measures all the same: whoever guesses
 * passwords on the running system cannot stop the next boot. */
static void locked_out_for_a_time(void **state)
{
	static const char expected[] = "the TPM cannot unseal: it is locked out after 3 wrong passwords, and "
				       "takes the next in 7000 s at the latest, if it stays on (0x00000921)";
	struct measurement m;
	struct emulator em;
	struct srk srk;
	struct tpm *t;
	struct err e = { 0 };
	uint32_t secret;
	TSS2_RC rc;

	(void)state;
	if (!emulator_start(&em))
		skip();
	t = connect_to(&em, TPM_BANK_SHA256);
	secret = seal_with_password(t);
	allow_wrong_passwords(t, 3, 7000);
	assert_int_equal(unseal(t, secret, "good"), TSS2_RC_SUCCESS);
	for (int i = 0; i < 3; i++)
		assert_int_equal(tpm_bare_code(unseal(t, secret, "bad")), TPM2_RC_AUTH_FAIL);
	rc = unseal(t, secret, "good");
	assert_int_equal(rc, TPM2_RC_LOCKOUT);
	assert_int_equal(tpm_refused(t, &e, rc, "unseal"), -ERR_TPM_FAILED);
	assert_string_equal(e.what, expected);
	assert_int_equal(tpm_refused(t, &e, TPM2_RC_FAILURE, "unseal"), -ERR_TPM_FAILED);
	assert_string_equal(e.what, "the TPM cannot unseal: it failed its self-test (0x00000101)");
	assert_code(tpm_measure(t, 11, "enter-initrd", "phase", &m, &e), &e, ERR_NONE, "measure");
	assert_code(srk_get(t, &srk, &e), &e, ERR_NONE, "storage root key");
	assert_true(srk.was_made);
	assert_code(tpm_check_starts(t, &e), &e, ERR_NONE, "starts");
	tpm_close(t);
	emulator_stop(&em);
}

int main(void)
{
	const struct CMUnitTest tests[] = { UNIT_TEST(locked_out_for_a_time) };

	setenv("TSS2_LOG", "all+NONE", 1); /* the faults are ours */
	return cmocka_run_group_tests_name("lockout", tests, NULL, NULL);
}
