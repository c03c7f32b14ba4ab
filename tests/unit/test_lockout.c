/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TPM that takes no more passwords for a while. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "modules/tpm/context.h"
#include "modules/tpm/srk.h"
#include "tests/unit/emulator.h"

/* A secret with a password of which the TPM counts wrong tries; returns its handle. */
static ESYS_TR seal_with_password(struct tpm *t)
{
	static const TPM2B_SENSITIVE_CREATE secret = {
		.sensitive = { .userAuth = { 4, "good" }, .data = { 6, "secret" } },
	};
	static const TPM2B_PUBLIC public = { .publicArea = {
		.type = TPM2_ALG_KEYEDHASH, .nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT,
		.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
	} };
	static const TPM2B_DATA no_data = { 0 };
	static const TPML_PCR_SELECTION no_pcrs = { 0 };
	ESYS_TR handle;
	TSS2_RC rc;

	TPM_RUN(t, rc, Esys_CreatePrimary_Async(t->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
						ESYS_TR_NONE, &secret, &public, &no_data, &no_pcrs),
		Esys_CreatePrimary_Finish(t->esys, &handle, NULL, NULL, NULL, NULL));
	assert_int_equal(rc, TSS2_RC_SUCCESS);
	return handle;
}

static TSS2_RC unseal(struct tpm *t, ESYS_TR handle, const char *password)
{
	SCOPED(tpm_esys_free) TPM2B_SENSITIVE_DATA *secret = NULL;
	TPM2B_AUTH auth = { .size = (UINT16)strlen(password) };
	TSS2_RC rc;

	memcpy(auth.buffer, password, auth.size);
	assert_int_equal(Esys_TR_SetAuth(t->esys, handle, &auth), TSS2_RC_SUCCESS);
	TPM_RUN(t, rc, Esys_Unseal_Async(t->esys, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
		Esys_Unseal_Finish(t->esys, &secret));
	return rc;
}

static void allow_wrong_passwords(struct tpm *t, unsigned n, unsigned interval_s)
{
	TSS2_RC rc;

	TPM_RUN(t, rc, Esys_DictionaryAttackParameters_Async(t->esys, ESYS_TR_RH_LOCKOUT, ESYS_TR_PASSWORD,
							     ESYS_TR_NONE, ESYS_TR_NONE, n, interval_s, 9),
		Esys_DictionaryAttackParameters_Finish(t->esys));
	assert_int_equal(rc, TSS2_RC_SUCCESS);
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
	ESYS_TR secret;
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
