/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys as other programs show them, and the key that a TPM makes. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "modules/tpm/context.h"
#include "modules/tpm/srk.h"
#include "tests/unit/emulator.h"

#define DATA "tests/data/srk/"

struct key {
	uint8_t *p;
	size_t n;
	char *pem;
};

static struct key read_key(const char *name)
{
	struct key k = { 0 };
	char path[64], *p;
	size_t n;
	struct err e;

	snprintf(path, sizeof(path), DATA "%s.tpm2b_public", name);
	assert_code(file_read(AT_FDCWD, path, 4096, &p, &k.n, &e), &e, ERR_NONE, name);
	k.p = (uint8_t *)p;
	snprintf(path, sizeof(path), DATA "%s.pem", name);
	if (file_read(AT_FDCWD, path, 4096, &k.pem, &n, &e) < 0)
		k.pem = NULL;
	return k;
}

static void key_done(struct key *k)
{
	free(k->p);
	free(k->pem);
}

/* The bytes at exactly this length, so that the sanitizer sees what is read behind them. */
static int to_pem(const uint8_t *p, size_t n, char pem[static PUBLIC_MAX_PEM])
{
	SCOPED(mem_free) uint8_t *copy = malloc(n ? n : 1);
	struct err e;

	assert_non_null(copy);
	memcpy(copy, p, n);
	return public_to_pem(copy, n, pem, &e);
}

static void shows_what_others_show(void **state)
{
	static const char *const names[] = { "p256", "p384", "rsa2048", "rsa3072" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		SCOPED(key_done) struct key k = read_key(names[i]);
		SCOPED(mem_free) uint8_t *more = calloc(1, k.n + 1);
		char pem[PUBLIC_MAX_PEM];

		assert_int_equal(to_pem(k.p, k.n, pem), 0);
		assert_string_equal(pem, k.pem);
		memcpy(more, k.p, k.n);
		assert_int_equal(to_pem(more, k.n + 1, pem), -ERR_UNSUPPORTED);
		more[1]++; /* no size here ends with 0xff */
		assert_int_equal(to_pem(more, k.n + 1, pem), -ERR_UNSUPPORTED);
		for (size_t n = 0; n < k.n; n++) {
			assert_int_equal(to_pem(k.p, n, pem), -ERR_UNSUPPORTED);
			/* Of one piece, and still cut off. */
			if (n >= 2) {
				more[0] = (uint8_t)((n - 2) >> 8);
				more[1] = (uint8_t)(n - 2);
				assert_int_equal(to_pem(more, n, pem), -ERR_UNSUPPORTED);
			}
		}
	}
}

static void refuses_other_keys(void **state)
{
	static const struct { const char *name, *key; size_t at; uint8_t byte; } cases[] = {
		{ "no cipher", "p256", 13, 0x10 }, { "keyed hash", "p256", 3, 0x08 },
		{ "signs", "p256", 19, 0x18 }, { "curve BN-256", "p256", 21, 0x10 },
		{ "derives", "p256", 23, 0x20 }, { "long x", "p256", 25, 0x21 },
		{ "encrypts", "rsa2048", 19, 0x17 }, { "other bits", "rsa2048", 20, 0x0c },
		{ "exponent 3", "rsa2048", 25, 3 }, { "small number", "rsa2048", 28, 0x7f },
		{ "curve P-521", "p521", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		SCOPED(key_done) struct key k = read_key(cases[i].key);
		char pem[PUBLIC_MAX_PEM];

		k.p[cases[i].at] = cases[i].byte;
		if (to_pem(k.p, k.n, pem) != -ERR_UNSUPPORTED)
			fail_msg("case '%s'", cases[i].name);
	}
}

/* Makes the key, finds it again, and tells which known key has the same kind. */
static void check_made(const struct emulator *em, bool no_ecc, const char *like, size_t n_same)
{
	SCOPED(key_done) struct key k = read_key(like);
	struct tpm *t = connect_with(em, ALL_BANKS, no_ecc);
	struct srk made, found;
	struct err e;

	assert_code(srk_get(t, &made, &e), &e, ERR_NONE, like);
	assert_true(made.was_made);
	assert_int_equal(made.n_public, k.n);
	assert_memory_equal(made.public, k.p, n_same);
	assert_code(srk_get(t, &found, &e), &e, ERR_NONE, like);
	assert_false(found.was_made);
	assert_int_equal(found.n_public, made.n_public);
	assert_memory_equal(found.public, made.public, made.n_public);
	assert_string_equal(found.pem, made.pem);
	tpm_close(t);
}

static void makes_a_key_once(void **state)
{
	static const struct { bool no_ecc; const char *like; size_t n_same; } cases[] = {
		{ false, "p256", 26 }, { true, "rsa2048", 28 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct emulator em;

		if (!emulator_start(&em))
			skip();
		check_made(&em, cases[i].no_ecc, cases[i].like, cases[i].n_same);
		emulator_stop(&em);
	}
}

/* The owner's password is not ours to know. What is measured does not need it. */
static void owner_has_a_password(void **state)
{
	static const uint8_t change[] = { 0x80, 2, 0, 0, 0, 32, 0, 0, 1, 0x29, 0x40, 0, 0, 1, 0, 0, 0,
					  9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0, 0, 3, 'o', 'w', 'n' };
	struct emulator em;
	struct tpm_answer answer;
	struct measurement m;
	struct srk srk;
	struct tpm *t;
	struct err e;

	(void)state;
	if (!emulator_start(&em))
		skip();
	t = connect_to(&em, ALL_BANKS);
	assert_int_equal(tpm_run(t, change, sizeof(change), 1000, &answer), 0);
	assert_code(srk_get(t, &srk, &e), &e, ERR_TPM_FAILED, "password");
	assert_non_null(strstr(e.what, "make a storage root key: its owner has set a password"));
	assert_code(tpm_measure(t, 11, "enter-initrd", "phase", &m, &e), &e, ERR_NONE, "measure");
	tpm_close(t);
	emulator_stop(&em);
}

/* The host looks for the PEM file alone, and must not take it for the sign of a whole work. */
static void writes_both_files_or_none(void **state)
{
	static const char *const pem_is_a_folder[] = { "d run/" SRK_NAME ".pem", NULL };
	static const char *const nothing[] = { NULL };
	static const struct srk srk = { .n_public = 3, .public = { 1, 0, 2 }, .pem = "text\n" };
	char root[32], folder[64], path[128], text[16];
	struct stat st;
	struct err e;

	(void)state;
	tree_make(nothing, root);
	snprintf(folder, sizeof(folder), "%s/run/systemd", root);
	assert_code(srk_write(&srk, folder, &e), &e, ERR_NONE, "both");
	snprintf(path, sizeof(path), "%s/" SRK_NAME ".pem", folder);
	assert_true(stat(path, &st) == 0 && (st.st_mode & 07777) == 0444);
	assert_int_equal(file_read_text(path, text, sizeof(text)), 4);
	snprintf(path, sizeof(path), "%s/" SRK_NAME ".tpm2b_public", folder);
	assert_true(stat(path, &st) == 0 && (st.st_mode & 07777) == 0444 && st.st_size == 3);
	tree_remove(root);

	tree_make(pem_is_a_folder, root);
	snprintf(folder, sizeof(folder), "%s/run", root);
	assert_code(srk_write(&srk, folder, &e), &e, ERR_SYSTEM, "none");
	snprintf(path, sizeof(path), "%s/" SRK_NAME ".tpm2b_public", folder);
	assert_int_equal(stat(path, &st), -1);
	tree_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(shows_what_others_show), UNIT_TEST(refuses_other_keys),
		UNIT_TEST(makes_a_key_once), UNIT_TEST(owner_has_a_password),
		UNIT_TEST(writes_both_files_or_none),
	};

	setenv("TSS2_LOG", "all+NONE", 1); /* the faults are ours */
	return cmocka_run_group_tests_name("srk", tests, NULL, NULL);
}
