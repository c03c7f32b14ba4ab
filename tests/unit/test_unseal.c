/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets that systemd-cryptenroll sealed, given out by the TPM that it sealed them with, or not.
 *
 *   test_unseal show STATE TOKEN FOLDER     prints what opens the key slot: see tests/data/tokens/make */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <mbedtls/base64.h>

#include "modules/luks/token.h"
#include "modules/tpm/context.h"
#include "modules/tpm/unseal.h"
#include "tests/unit/emulator.h"

#define DATA "tests/data/tokens/"
#define PIN "1234"

/* What was measured. The TPM of the tokens was in the state GOOD. */
enum {
	PHASE = 1, SINGLE = 2, WORD_A = 4, WORD_B = 8, WORD_C = 16, OTHER_7 = 32, ANOTHER = 64,
	GOOD = PHASE | SINGLE | WORD_A,
};

static const struct { unsigned bit, pcr; const char *text; } words[] = {
	{ PHASE, 11, "enter-initrd" }, { SINGLE, 14, "single" }, { WORD_A, 15, "word-a" },
	{ WORD_B, 15, "word-b" }, { WORD_C, 15, "word-c" }, { OTHER_7, 7, "other" }, { ANOTHER, 11, "another" },
};

static void measure(struct tpm *t, unsigned state)
{
	struct measurement m;
	struct err e;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (state & words[i].bit)
			assert_code(tpm_measure(t, words[i].pcr, words[i].text, "phase", &m, &e), &e, ERR_NONE,
				    words[i].text);
}

static char *read_text(const char *folder, const char *name)
{
	char path[256], *text = NULL;
	struct err e;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_code(file_read(AT_FDCWD, path, 65536, &text, &n, &e), &e, ERR_NONE, path);
	return text;
}

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, text ? strlen(text) : 0 };
}

static void read_token(const char *folder, const char *name, struct token *ret)
{
	SCOPED(mem_free) char *text = read_text(folder, name);
	struct err e;

	assert_code(token_parse(bytes_of(text), ret, &e), &e, ERR_NONE, name);
	assert_int_equal(ret->kind, TOKEN_TPM2);
}

/* What cryptsetup opened the key slot with, or what the formula says. */
static void known_passphrase(const char *token, char ret[static UNSEAL_MAX_PASSPHRASE])
{
	SCOPED(mem_free) char *all = read_text(DATA, "passphrases");
	char name[32], line[64];
	const char *at;

	snprintf(line, sizeof(line), "%s ", token);
	for (at = all; strncmp(at, line, strlen(line)) != 0; at++) {
		at = strchr(at, '\n');
		assert_non_null(at);
	}
	assert_int_equal(sscanf(at, "%31s %344s", name, ret), 2);
}

/* ---- what comes of each ---- */

static const struct {
	const char *token, *tpm, *pin;
	const char *signatures, *pcrlock; /* texts beside it, or NULL */
	unsigned state;
	enum unseal_verdict verdict;
	const char *why; /* part of the error */
} cases[] = {
	{ "literal", "ecc", NULL, NULL, NULL, GOOD, UNSEALED, NULL },
	{ "literal", "ecc", PIN, "signature", "pcrlock", GOOD, UNSEALED, NULL },
	{ "literal", "ecc", NULL, NULL, NULL, 0, UNSEAL_NOT_HERE, "not in the state" },
	{ "literal", "ecc", NULL, NULL, NULL, GOOD | OTHER_7, UNSEAL_NOT_HERE, "not in the state" },
	{ "literal", "rsa", NULL, NULL, NULL, GOOD, UNSEAL_NOT_HERE, "another storage root key" },
	{ "literal", NULL, NULL, NULL, NULL, GOOD, UNSEAL_NOT_HERE, "find its storage root key" },

	{ "signed", "ecc", NULL, "signature", NULL, GOOD, UNSEALED, NULL },
	{ "signed", "ecc", NULL, NULL, NULL, GOOD, UNSEAL_NOT_HERE, "no tpm2-pcr-signature.json" },
	{ "signed", "ecc", NULL, "other-signature", NULL, GOOD, UNSEAL_NOT_HERE, "nothing is signed" },
	{ "signed", "ecc", NULL, "other-signature", NULL, ANOTHER, UNSEALED, NULL }, /* and in its own state */
	{ "signed", "ecc", NULL, "ref-signature", NULL, GOOD, UNSEAL_NOT_HERE, "nothing is signed" },
	{ "signed", "ecc", NULL, "signature", NULL, 0, UNSEAL_NOT_HERE, "nothing is signed" },
	{ "signed", "ecc", NULL, "signature", NULL, GOOD | OTHER_7, UNSEAL_NOT_HERE, "not in the state" },
	{ "signed", "ecc", NULL, "pcrlock", NULL, GOOD, UNSEAL_NOT_HERE, "nothing is signed" },
	{ "ref", "ecc", NULL, "ref-signature", NULL, GOOD, UNSEALED, NULL },
	{ "ref", "ecc", NULL, "signature", NULL, GOOD, UNSEAL_NOT_HERE, "reference 'initrd'" },
	{ "exponent", "ecc", NULL, "signature", NULL, GOOD, UNSEALED, NULL },
	{ "exponent", "ecc", NULL, "signature", NULL, 0, UNSEAL_NOT_HERE, "nothing is signed" },

	{ "pin", "ecc", PIN, NULL, NULL, GOOD, UNSEALED, NULL },
	{ "pin", "ecc", "1235", NULL, NULL, GOOD, UNSEAL_WRONG_PIN, "the PIN is wrong" },
	{ "pin", "ecc", "", NULL, NULL, GOOD, UNSEAL_WRONG_PIN, "the PIN is wrong" },
	{ "pin", "ecc", NULL, NULL, NULL, GOOD, UNSEAL_NEEDS_PIN, "for a PIN only" },
	{ "pin", "ecc", PIN, NULL, NULL, GOOD | OTHER_7, UNSEAL_NOT_HERE, "not in the state" },
	{ "pin", "ecc", NULL, NULL, NULL, GOOD | OTHER_7, UNSEAL_NOT_HERE, "not in the state" },
	{ "signed-pin", "ecc", PIN, "signature", NULL, GOOD, UNSEALED, NULL },
	{ "signed-pin", "ecc", "12345", "signature", NULL, GOOD, UNSEAL_WRONG_PIN, "the PIN is wrong" },
	{ "argon2id", "ecc", PIN, NULL, NULL, GOOD, UNSEALED, NULL },
	{ "argon2id", "ecc", "1235", NULL, NULL, GOOD, UNSEAL_WRONG_PIN, "the PIN is wrong" },
	{ "argon2id", "ecc", PIN, NULL, NULL, GOOD | OTHER_7, UNSEAL_NOT_HERE, "not in the state" },

	{ "locked", "ecc", NULL, NULL, "pcrlock", GOOD, UNSEALED, NULL },
	{ "locked", "ecc", NULL, NULL, "pcrlock", SINGLE | WORD_B, UNSEALED, NULL },
	{ "locked", "ecc", NULL, NULL, "pcrlock", SINGLE | WORD_C, UNSEAL_NOT_HERE, "in pcrlock.json" },
	{ "locked", "ecc", NULL, NULL, "pcrlock", WORD_A, UNSEAL_NOT_HERE, "in pcrlock.json" },
	{ "locked", "ecc", NULL, NULL, NULL, GOOD, UNSEAL_NOT_HERE, "no pcrlock.json" },
	{ "locked", "ecc", NULL, NULL, "signature", GOOD, UNSEAL_NOT_HERE, "that can be used" },

	{ "shards", "ecc", NULL, "signature", "pcrlock", GOOD, UNSEALED, NULL },
	{ "shards", "ecc", NULL, "signature", "pcrlock", GOOD | OTHER_7, UNSEAL_NOT_HERE, "not in the state" },
	{ "shards", "ecc", NULL, "other-signature", "pcrlock", GOOD, UNSEAL_NOT_HERE, "nothing is signed" },
	{ "shards", "ecc", NULL, "signature", "pcrlock", PHASE | SINGLE | WORD_C, UNSEAL_NOT_HERE, "pcrlock.json" },
	{ "shards-pin", "ecc", PIN, "signature", "pcrlock", GOOD, UNSEALED, NULL },
	{ "shards-pin", "ecc", "1235", "signature", "pcrlock", GOOD, UNSEAL_WRONG_PIN, "the PIN is wrong" },
	{ "shards-pin", "ecc", NULL, "signature", "pcrlock", GOOD, UNSEAL_NEEDS_PIN, "for a PIN only" },

	{ "import", "ecc", NULL, NULL, NULL, GOOD, UNSEALED, NULL },
	{ "import", "ecc", NULL, NULL, NULL, GOOD | OTHER_7, UNSEAL_NOT_HERE, "not in the state" },
	{ "import", "rsa", NULL, NULL, NULL, GOOD, UNSEAL_NOT_HERE, "another storage root key" },

	{ "old", "ecc", NULL, NULL, NULL, GOOD, UNSEALED, NULL },
	{ "old", "ecc", NULL, NULL, NULL, OTHER_7, UNSEAL_NOT_HERE, "not in the state" },
	{ "old", "rsa", NULL, NULL, NULL, GOOD, UNSEAL_NOT_HERE, "may be another TPM's" },
	{ "old-rsa", "ecc", NULL, NULL, NULL, GOOD, UNSEALED, NULL },
	{ "old-rsa", "rsa", NULL, NULL, NULL, GOOD, UNSEAL_NOT_HERE, "may be another TPM's" },
	{ "old-pin", "ecc", PIN, NULL, NULL, GOOD, UNSEALED, NULL },
	{ "old-pin", "ecc", "1235", NULL, NULL, GOOD, UNSEAL_WRONG_PIN, "the PIN is wrong" },

	{ "rsa", "rsa", NULL, NULL, NULL, GOOD, UNSEALED, NULL },
	{ "rsa", "rsa", NULL, NULL, NULL, OTHER_7, UNSEAL_NOT_HERE, "not in the state" },
	{ "rsa", "ecc", NULL, NULL, NULL, GOOD, UNSEAL_NOT_HERE, "another storage root key" },
	{ "rsa-pin", "rsa", PIN, "signature", NULL, GOOD, UNSEALED, NULL },
	{ "rsa-pin", "rsa", "1235", "signature", NULL, GOOD, UNSEAL_WRONG_PIN, "the PIN is wrong" },
	{ "rsa-pin", "rsa", PIN, "other-signature", NULL, GOOD, UNSEAL_NOT_HERE, "nothing is signed" },
};

static enum unseal_verdict unseal(struct tpm *t, const char *folder, const char *token, const char *pin,
				  const char *signatures, const char *pcrlock,
				  char ret[static UNSEAL_MAX_PASSPHRASE], struct err *e)
{
	char name[32], signature_name[32], pcrlock_name[32];
	struct token parsed;
	struct unseal_request q = { .sealed = &parsed.sealed, .pin = pin };
	SCOPED(mem_free) char *signed_text = NULL;
	SCOPED(mem_free) char *pcrlock_text = NULL;
	struct bytes texts[2] = { bytes_of("{}"), { NULL, 0 } };

	snprintf(name, sizeof(name), "%s.json", token);
	read_token(folder, name, &parsed);
	if (signatures) {
		snprintf(signature_name, sizeof(signature_name), "%s.json", signatures);
		signed_text = read_text(folder, signature_name);
		texts[1] = bytes_of(signed_text);
		q.signatures = texts;
		q.n_signatures = 2;
	}
	if (pcrlock) {
		snprintf(pcrlock_name, sizeof(pcrlock_name), "%s.json", pcrlock);
		pcrlock_text = read_text(folder, pcrlock_name);
		q.pcrlock = bytes_of(pcrlock_text);
	}
	return tpm_unseal(t, &q, ret, e);
}

static bool start(struct emulator *em, const char *tpm)
{
	char path[64];

	snprintf(path, sizeof(path), DATA "%s.tpm", tpm ? tpm : "");
	return emulator_start_with(em, tpm ? path : NULL);
}

static void allow_wrong_passwords(struct tpm *t, unsigned n, unsigned interval_s)
{
	struct command c;

	command_begin_with(&c, true, TPM2_CC_DictionaryAttackParameters, TPM2_RH_LOCKOUT);
	command_put_authorization(&c, COMMAND_PASSWORD);
	command_put_32(&c, n);
	command_put_32(&c, interval_s);
	command_put_32(&c, 9);
	assert_int_equal(command_do(t, &c), TSS2_RC_SUCCESS);
}

/* All again and again on the same TPM: neither keys nor sessions are left in it. */
static void each_kind_in_each_state(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char passphrase[UNSEAL_MAX_PASSPHRASE] = "", known[UNSEAL_MAX_PASSPHRASE] = "", name[96];
		struct err e = { 0 };
		struct emulator em;
		struct tpm *t;

		if (!start(&em, cases[i].tpm))
			skip();
		t = connect_to(&em, TPM_BANK_SHA256);
		allow_wrong_passwords(t, 32, 1000);
		measure(t, cases[i].state);
		for (int again = 0; again < 4; again++) {
			enum unseal_verdict v = unseal(t, DATA, cases[i].token, cases[i].pin, cases[i].signatures,
						       cases[i].pcrlock, passphrase, &e);

			snprintf(name, sizeof(name), "%zu: %s, TPM %s", i, cases[i].token, cases[i].tpm);
			if (v != cases[i].verdict || (v != UNSEALED && !strstr(e.what, cases[i].why)))
				fail_msg("case %s: verdict %d: %s", name, v, e.what);
			if (v == UNSEALED)
				known_passphrase(cases[i].token, known);
			assert_string_equal(passphrase, known);
		}
		tpm_close(t);
		emulator_stop(&em);
	}
}

/* ---- by hand ---- */

static int show(char **argv)
{
	char passphrase[UNSEAL_MAX_PASSPHRASE], *name = strrchr(argv[1], '/') + 1;
	enum unseal_verdict v;
	struct emulator em;
	struct err e = { 0 };
	struct tpm *t;

	name[strlen(name) - strlen(".json")] = '\0';
	if (!emulator_start_with(&em, argv[0]))
		return 1;
	t = connect_to(&em, TPM_BANK_SHA256);
	measure(t, GOOD);
	v = unseal(t, argv[2], name, PIN, "signature", strstr(name, "rsa") ? NULL : "pcrlock", passphrase, &e);
	fputs(v == UNSEALED ? passphrase : e.what, v == UNSEALED ? stdout : stderr);
	tpm_close(t);
	emulator_stop(&em);
	return v != UNSEALED;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(each_kind_in_each_state),
	};

	setenv("TSS2_LOG", "all+NONE", 1); /* the faults are ours */
	if (argc == 5 && strcmp(argv[1], "show") == 0)
		return show(argv + 2);
	return cmocka_run_group_tests_name("unseal", tests, NULL, NULL);
}
