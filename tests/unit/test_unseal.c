/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets that systemd-cryptenroll sealed, given out by the TPM that it sealed them with, or not.
 *
 *   test_unseal show STATE TOKEN FOLDER     prints what opens the key slot: see tests/data/tokens/make */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <mbedtls/base64.h>

#include "modules/luks/token.h"
#include "modules/tpm/context.h"
#include "modules/tpm/pin.h"
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
	{ "literal", "ecc", NULL, NULL, NULL, 0, UNSEAL_NOT_HERE, "not in the state to which the secret is bound (PCRs 7+11 in bank sha256)" },
	{ "literal", "ecc", NULL, NULL, NULL, GOOD | OTHER_7, UNSEAL_NOT_HERE, "not in the state" },
	{ "literal", "rsa", NULL, NULL, NULL, GOOD, UNSEAL_NOT_HERE, "another storage root key" },
	{ "literal", NULL, NULL, NULL, NULL, GOOD, UNSEAL_NOT_HERE, "find its storage root key" },

	{ "signed", "ecc", NULL, "signature", NULL, GOOD, UNSEALED, NULL },
	{ "signed", "ecc", NULL, NULL, NULL, GOOD, UNSEAL_NOT_HERE, "no tpm2-pcr-signature.json" },
	{ "signed", "ecc", NULL, "other-signature", NULL, GOOD, UNSEAL_NOT_HERE, "nothing is signed" },
	{ "signed", "ecc", NULL, "other-signature", NULL, ANOTHER, UNSEALED, NULL }, /* and in its own state */
	{ "signed", "ecc", NULL, "ref-signature", NULL, GOOD, UNSEAL_NOT_HERE, "nothing is signed" },
	{ "signed", "ecc", NULL, "signature", NULL, 0, UNSEAL_NOT_HERE, "nothing is signed for this state of the machine (PCRs 7+11 in bank sha256)" },
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

/* From now on; a TPM that lost its power has one on its account. */
static void allow_again(struct tpm *t, unsigned n, unsigned interval_s)
{
	struct command c;

	command_begin_with(&c, true, TPM2_CC_DictionaryAttackLockReset, TPM2_RH_LOCKOUT);
	command_put_authorization(&c, COMMAND_PASSWORD);
	assert_int_equal(command_do(t, &c), TSS2_RC_SUCCESS);
	allow_wrong_passwords(t, n, interval_s);
}

/* One of the TPMs that sealed the tokens, in this state. */
static struct tpm *connect_in(struct emulator *em, const char *which, unsigned measured)
{
	struct tpm *t;

	if (!start(em, which))
		skip();
	t = connect_to(em, TPM_BANK_SHA256);
	measure(t, measured);
	return t;
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

		t = connect_in(&em, cases[i].tpm, cases[i].state);
		allow_again(t, 32, 1000);
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

/* ---- PINs ---- */

/* Neither another state nor a question for the PIN costs a try, of which there is but one here. */
static void tries_are_not_wasted(void **state)
{
	char passphrase[UNSEAL_MAX_PASSPHRASE];
	struct emulator em;
	struct err e = { 0 };
	struct tpm *t;

	(void)state;
	t = connect_in(&em, "ecc", GOOD | OTHER_7);
	allow_again(t, 1, 1000);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(unseal(t, DATA, "pin", "wrong", NULL, NULL, passphrase, &e), UNSEAL_NOT_HERE);
		assert_int_equal(unseal(t, DATA, "signed-pin", "wrong", "other-signature", NULL, passphrase, &e),
				 UNSEAL_NOT_HERE);
		assert_int_equal(unseal(t, DATA, "signed-pin", NULL, "signature", NULL, passphrase, &e),
				 UNSEAL_NEEDS_PIN);
	}
	assert_int_equal(unseal(t, DATA, "signed-pin", PIN, "signature", NULL, passphrase, &e), UNSEALED);
	assert_int_equal(unseal(t, DATA, "signed-pin", "wrong", "signature", NULL, passphrase, &e),
			 UNSEAL_WRONG_PIN);
	assert_int_equal(unseal(t, DATA, "signed-pin", PIN, "signature", NULL, passphrase, &e),
			 UNSEAL_LOCKED_OUT);
	tpm_close(t);
	emulator_stop(&em);
}

/* Then no PIN is right; what needs none is given out all the same. */
static void locked_out_after_wrong_pins(void **state)
{
	static const char expected[] = "it is locked out after 3 wrong passwords, and takes the next in 7000 s "
				       "at the latest, if it stays on (0x00000921)";
	char passphrase[UNSEAL_MAX_PASSPHRASE];
	struct emulator em;
	struct err e = { 0 };
	struct tpm *t;

	(void)state;
	t = connect_in(&em, "ecc", GOOD);
	allow_again(t, 3, 7000);
	for (int i = 0; i < 3; i++)
		assert_int_equal(unseal(t, DATA, "pin", "wrong", NULL, NULL, passphrase, &e), UNSEAL_WRONG_PIN);
	assert_int_equal(unseal(t, DATA, "pin", PIN, NULL, NULL, passphrase, &e), UNSEAL_LOCKED_OUT);
	assert_non_null(strstr(e.what, expected));
	e.what[0] = '\0';
	assert_int_equal(unseal(t, DATA, "pin", NULL, NULL, NULL, passphrase, &e), UNSEAL_LOCKED_OUT);
	assert_non_null(strstr(e.what, expected));
	assert_int_equal(unseal(t, DATA, "literal", PIN, NULL, NULL, passphrase, &e), UNSEALED);
	tpm_close(t);
	emulator_stop(&em);
}

/* A password does not end with zeros, and what a token asks for does not end the boot. */
static void prepares_pins(void **state)
{
	static const struct { const char *pin; size_t n_auth; } plain[] = { { "0", 32 }, { "403", 31 }, { "31214", 30 } };
	struct sealed s = { .has_pin = true };
	struct pin p;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		assert_code(pin_prepare(&s, plain[i].pin, &p, &e), &e, ERR_NONE, plain[i].pin);
		assert_int_equal(p.n_auth, plain[i].n_auth);
		assert_false(p.has_key);
	}
	s.n_salt = 16;
	s.argon2id = (struct sealed_argon2id){ .memory_kib = UINT32_MAX, .iterations = 1, .lanes = 1 };
	assert_int_equal(pin_prepare(&s, "0", &p, &e), -ERR_MEMORY);
	assert_non_null(strstr(e.what, "more than half of the memory"));
	pin_wipe(&p);
	assert_true(bytes_are_zero((const uint8_t *)&p, sizeof(p)));
}

/* ---- what was tampered with ---- */

static enum unseal_verdict unseal_token(struct tpm *t, const struct token *k, char ret[static UNSEAL_MAX_PASSPHRASE],
					struct err *e)
{
	const struct unseal_request q = { .sealed = &k->sealed };

	return tpm_unseal(t, &q, ret, e);
}

static void tampered_tokens(void **state)
{
	char passphrase[UNSEAL_MAX_PASSPHRASE] = "";
	struct emulator em;
	struct token good, bad;
	struct err e = { 0 };
	struct tpm *t;

	(void)state;
	t = connect_in(&em, "ecc", GOOD);
	read_token(DATA, "literal.json", &good);
	for (size_t i = 0; i < good.sealed.blobs[0].n; i++) {
		bad = good;
		bad.sealed.blobs[0].bytes[i] ^= 1;
		assert_int_equal(unseal_token(t, &bad, passphrase, &e), UNSEAL_NOT_HERE);
		bad = good;
		bad.sealed.blobs[0].n = i;
		assert_int_equal(unseal_token(t, &bad, passphrase, &e), UNSEAL_NOT_HERE);
	}
	bad = good;
	bad.sealed.blobs[0].n += 3; /* an empty seed, and a byte */
	assert_int_equal(unseal_token(t, &bad, passphrase, &e), UNSEAL_NOT_HERE);
	assert_string_equal(e.what, "the sealed secret is damaged");
	bad = good;
	bad.sealed.srk.name[33] ^= 1;
	assert_int_equal(unseal_token(t, &bad, passphrase, &e), UNSEAL_NOT_HERE);
	bad = good;
	bad.sealed.policies[0][31] ^= 1;
	assert_int_equal(unseal_token(t, &bad, passphrase, &e), UNSEAL_NOT_HERE);
	bad = good;
	bad.sealed.bank = TPM2_ALG_SHA1; /* which this TPM has, with other values */
	assert_int_equal(unseal_token(t, &bad, passphrase, &e), UNSEAL_NOT_HERE);
	assert_string_equal(passphrase, "");
	assert_int_equal(unseal_token(t, &good, passphrase, &e), UNSEALED);
	tpm_close(t);
	emulator_stop(&em);
}

/* A value more in pcrlock.json is believed by us, and not by the index of the TPM. */
static void tampered_pcrlock(void **state)
{
	static const char known[] = "d862a0df70b5529e62168fd83ae57213326c50cead491268160b5f86dad9d99b";
	SCOPED(mem_free) char *text = read_text(DATA, "pcrlock.json");
	char passphrase[UNSEAL_MAX_PASSPHRASE] = "", *value = strstr(text, known);
	struct measurement now;
	struct emulator em;
	struct token k;
	struct unseal_request q = { .sealed = &k.sealed, .pcrlock = bytes_of(text) };
	struct err e = { 0 };
	struct tpm *t;
	char hex[65];

	(void)state;
	t = connect_in(&em, "ecc", SINGLE | WORD_C);
	read_token(DATA, "locked.json", &k);
	assert_code(tpm_read(t, 15, &now, &e), &e, ERR_NONE, "PCR 15");
	hex_encode(now.digests[0].bytes, 32, hex);
	assert_non_null(value);
	memcpy(value, hex, 64);
	assert_int_equal(tpm_unseal(t, &q, passphrase, &e), UNSEAL_NOT_HERE);
	assert_non_null(strstr(e.what, "find its state in pcrlock.json"));
	k.sealed.pcrlock_nv.handle++;
	assert_int_equal(tpm_unseal(t, &q, passphrase, &e), UNSEAL_NOT_HERE);
	assert_string_equal(e.what, "pcrlock.json is about another index");
	tpm_close(t);
	emulator_stop(&em);
}

/* ---- the wire ---- */

static struct tpm *connect_tapped(const struct emulator *em, struct tap *tap)
{
	struct wire w = { .fd = dup(em->fd), .tap = tap };
	struct tpm *t = NULL;
	struct err e;

	assert_code(tpm_open_tcti(wire_new(&w), TPM_BANK_SHA256, 11, em->log, &t, &e), &e, ERR_NONE, "open");
	return t;
}

/* What is looked for is not lying about: each bit of it is the other way round. */
static size_t hidden_secret(const char *token, uint8_t ret[static 64])
{
	char passphrase[UNSEAL_MAX_PASSPHRASE];
	int n;

	known_passphrase(token, passphrase);
	n = base64_decode(passphrase, ret, 64);
	assert_true(n >= 32);
	for (int i = 0; i < n; i++)
		ret[i] ^= 0xff;
	return 32;
}

static bool holds_hidden(const uint8_t *p, size_t n, const uint8_t *hidden, size_t n_hidden)
{
	for (size_t i = 0; i + n_hidden <= n; i++) {
		size_t same = 0;

		while (same < n_hidden && (p[i + same] ^ hidden[same]) == 0xff)
			same++;
		if (same == n_hidden)
			return true;
	}
	return false;
}

static bool password_was_heard(const char *token, const struct tap *tap)
{
	struct token k;
	struct pin pin;
	struct err e;
	char name[32];

	snprintf(name, sizeof(name), "%s.json", token);
	read_token(DATA, name, &k);
	assert_code(pin_prepare(&k.sealed, PIN, &pin, &e), &e, ERR_NONE, token);
	assert_int_equal(pin.n_auth, 32);
	return memmem(tap->heard, tap->n_heard, pin.auth, pin.n_auth);
}

static void nothing_is_heard(void **state)
{
	static const struct { const char *token, *tpm; } kinds[] = {
		{ "literal", "ecc" }, { "pin", "ecc" }, { "old-rsa", "ecc" }, { "rsa", "rsa" },
	};
	static struct tap tap;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		uint8_t hidden[64];
		char passphrase[UNSEAL_MAX_PASSPHRASE];
		size_t n = hidden_secret(kinds[i].token, hidden);
		struct emulator em;
		struct err e = { 0 };
		struct tpm *t;

		if (!start(&em, kinds[i].tpm))
			skip();
		tap = (struct tap){ .code = TPM2_CC_Unseal };
		t = connect_tapped(&em, &tap);
		measure(t, GOOD);
		assert_int_equal(unseal(t, DATA, kinds[i].token, PIN, NULL, NULL, passphrase, &e), UNSEALED);
		assert_in_range(tap.n, 1, 2); /* the TPM asks for it again when a PIN is first used */
		assert_false(holds_hidden(tap.heard, tap.n_heard, hidden, n));
		assert_false(password_was_heard(kinds[i].token, &tap));
		/* The search finds what is there. */
		for (size_t b = 0; b < n; b++)
			tap.heard[b + 1] = hidden[b] ^ 0xff;
		assert_true(holds_hidden(tap.heard, tap.n_heard, hidden, n));
		tpm_close(t);
		emulator_stop(&em);
	}
}

/* Whoever changes a bit of what the TPM answers is noticed, and so is a TPM without the key. */
static void spoiled_answers(void **state)
{
	enum { ANSWER_BYTES = 10 + 4 + 2 + 32 + 2 * (2 + 32 + 1 + 2 + 32) };
	static struct tap tap;
	struct emulator em;
	struct err e = { 0 };
	struct tpm *t;

	(void)state;
	if (!start(&em, "ecc"))
		skip();
	t = connect_tapped(&em, &tap);
	measure(t, GOOD);
	for (size_t at = 10; at <= ANSWER_BYTES; at++) {
		char passphrase[UNSEAL_MAX_PASSPHRASE] = "";
		enum unseal_verdict v;

		tap = (struct tap){ .code = TPM2_CC_Unseal, .spoil_at = at };
		v = unseal(t, DATA, "literal", NULL, NULL, NULL, passphrase, &e);
		if (v != (at < ANSWER_BYTES ? UNSEAL_FAILED : UNSEALED)) /* behind it there is none */
			fail_msg("byte %zu: verdict %d", at, v);
		assert_int_equal(*passphrase == '\0', at < ANSWER_BYTES);
	}
	/* The salt is for another key than the one in the TPM. */
	tap = (struct tap){ .code = TPM2_CC_ReadPublic, .spoil_at = 60 };
	assert_int_equal(unseal(t, DATA, "literal", NULL, NULL, NULL, (char[UNSEAL_MAX_PASSPHRASE]){ 0 }, &e),
			 UNSEAL_NOT_HERE);
	assert_non_null(strstr(e.what, "another storage root key"));
	tpm_close(t);
	emulator_stop(&em);
}

/* Somebody measures between what was shown and what is asked for: all is shown again. In the first
 * case what was measured does not matter here, in the second it does. */
static void pcr_changes_meanwhile(void **state)
{
	static const struct { uint8_t pcr; unsigned n; enum unseal_verdict verdict; } cases_[] = {
		{ 8, 2, UNSEALED }, { 7, 1, UNSEAL_NOT_HERE },
	};
	static struct tap tap;

	(void)state;
	for (size_t i = 0; i < sizeof(cases_) / sizeof(*cases_); i++) {
		const uint8_t extend[65] = { 0x80, 2, 0, 0, 0, 65, 0, 0, 1, 0x82, 0, 0, 0, cases_[i].pcr, 0, 0, 0, 9,
					     0x40, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x0b };
		char passphrase[UNSEAL_MAX_PASSPHRASE];
		struct emulator em;
		struct err e = { 0 };
		struct tpm *t;

		if (!start(&em, "ecc"))
			skip();
		tap = (struct tap){ .n = 0 };
		t = connect_tapped(&em, &tap);
		measure(t, GOOD);
		tap = (struct tap){ .code = TPM2_CC_Unseal, .before = { extend, sizeof(extend) } };
		assert_int_equal(unseal(t, DATA, "literal", NULL, NULL, NULL, passphrase, &e), cases_[i].verdict);
		assert_int_equal(tap.n, cases_[i].n);
		tpm_close(t);
		emulator_stop(&em);
	}
}

/* ---- memory ---- */

/* Of each mapping that can be written, but for what the sanitizer keeps about all memory. */
static bool memory_holds(const uint8_t *hidden, size_t n_hidden)
{
	enum { MOST = 64 << 20, CHUNK = 1 << 16 };
	SCOPED(file_close) FILE *maps = fopen("/proc/self/maps", "re");
	SCOPED(fd_close) int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	SCOPED(mem_free) uint8_t *chunk = malloc(CHUNK);
	unsigned long from, to;
	char line[512], mode[5];

	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) != 3 || mode[1] != 'w' || to - from > MOST)
			continue;
		for (; from < to; from += CHUNK - n_hidden) {
			ssize_t got = pread(memory, chunk, to - from < CHUNK ? to - from : CHUNK, (off_t)from);

			if (got > 0 && holds_hidden(chunk, (size_t)got, hidden, n_hidden))
				return true;
			if (got < CHUNK)
				break;
		}
	}
	return false;
}

/* What is left after the call is the passphrase, and nothing of what it is made of. */
static void nothing_is_left(void **state)
{
	char passphrase[UNSEAL_MAX_PASSPHRASE];
	SCOPED(mem_free) uint8_t *there = malloc(64);
	struct emulator em;
	struct err e = { 0 };
	struct tpm *t;
	uint8_t hidden[64];
	size_t n = hidden_secret("pin", hidden);

	(void)state;
	t = connect_in(&em, "ecc", GOOD);
	assert_int_equal(unseal(t, DATA, "pin", PIN, NULL, NULL, passphrase, &e), UNSEALED);
	assert_false(memory_holds(hidden, n));
	for (size_t i = 0; i < n; i++) /* the search finds what is there */
		there[i] = hidden[i] ^ 0xff;
	assert_true(memory_holds(hidden, n));
	tpm_close(t);
	emulator_stop(&em);
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
		UNIT_TEST(each_kind_in_each_state), UNIT_TEST(tries_are_not_wasted),
		UNIT_TEST(locked_out_after_wrong_pins), UNIT_TEST(prepares_pins), UNIT_TEST(tampered_tokens), UNIT_TEST(tampered_pcrlock),
		UNIT_TEST(nothing_is_heard), UNIT_TEST(spoiled_answers), UNIT_TEST(pcr_changes_meanwhile),
		UNIT_TEST(nothing_is_left),
	};

	setenv("TSS2_LOG", "all+NONE", 1); /* the faults are ours */
	if (argc == 5 && strcmp(argv[1], "show") == 0)
		return show(argv + 2);
	return cmocka_run_group_tests_name("unseal", tests, NULL, NULL);
}
