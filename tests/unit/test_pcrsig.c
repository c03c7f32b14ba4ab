/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdlib.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "mkinitrd/pcrsig.h"

#define DATA "tests/data/pcrsig/"

static const struct {
	const char *path;
	enum err_code code;
	const char *says;
} keys[] = {
	{ DATA "rsa2048.key", ERR_NONE, "" },
	{ DATA "rsa1024.key", ERR_CERTIFICATE, "has 1024 bits; it needs 2048" },
	{ DATA "p256.key", ERR_CERTIFICATE, "is no RSA key" },
	{ DATA "encrypted.key", ERR_CERTIFICATE, "is encrypted" },
	{ DATA "encrypted-pkcs1.key", ERR_CERTIFICATE, "is encrypted" },
	{ DATA "cut.key", ERR_CERTIFICATE, "holds no private key" },
	{ DATA "rsa2048.pub", ERR_CERTIFICATE, "holds no private key" },
	{ DATA "README", ERR_CERTIFICATE, "holds no private key" },
	{ DATA "nothing", ERR_SYSTEM, "open '" DATA "nothing'" },
	{ "/dev/null", ERR_CERTIFICATE, "holds no private key" },
	{ "/dev/zero", ERR_CERTIFICATE, "has over 32768 bytes: it is no key" },
	{ "/proc/self", ERR_SYSTEM, "read '/proc/self'" },
};

static void keys_that_sign(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		SCOPED(pcrsig_key_drop) struct pcrsig_key *k = NULL;
		struct err e = { 0 };

		assert_code(pcrsig_key_load(keys[i].path, &k, &e), &e, keys[i].code, keys[i].path);
		assert_int_equal(!k, keys[i].code != ERR_NONE);
		if (!strstr(e.what, keys[i].says))
			fail_msg("%s: '%s'", keys[i].path, e.what);
	}
}

static const struct {
	const char *name;
	const char *text; /* or the file of this name */
	enum err_code code;
} publics[] = {
	{ DATA "rsa2048.pub", NULL, ERR_NONE },
	{ DATA "rsa1024.pub", NULL, ERR_CERTIFICATE },
	{ DATA "p256.pub", NULL, ERR_CERTIFICATE },
	{ "nothing", "", ERR_CERTIFICATE },
	{ "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	  ERR_CERTIFICATE },
};

static void public_half_must_match(void **state)
{
	SCOPED(pcrsig_key_drop) struct pcrsig_key *k = NULL;
	struct err e = { 0 };

	(void)state;
	assert_code(pcrsig_key_load(DATA "rsa2048.key", &k, &e), &e, ERR_NONE, "key");
	for (size_t i = 0; i < sizeof(publics) / sizeof(*publics); i++) {
		SCOPED(mem_free) char *read = NULL;
		const char *text = publics[i].text;
		size_t n = text ? strlen(text) : 0;

		if (!text)
			assert_code(file_read(AT_FDCWD, publics[i].name, 65536, &read, &n, &e), &e,
				    ERR_NONE, publics[i].name);
		assert_code(pcrsig_key_matches(k,
					       (struct bytes){ (const uint8_t *)(text ? text : read), n },
					       "it", &e),
			    &e, publics[i].code, publics[i].name);
	}
}

static void signatures_are_those_of_openssl(void **state)
{
	SCOPED(pcrsig_key_drop) struct pcrsig_key *k = NULL;
	SCOPED(mem_free) char *expected = NULL, *got = NULL;
	struct pcrsig_value values[2] = { { .pcr.banks = 1u << 1 | 1u << 2, .ref = "initrd" } };
	struct err e = { 0 };
	size_t n, n_got;
	FILE *f = open_memstream(&got, &n_got);

	(void)state;
	assert_code(pcr_extend_text(&values[0].pcr, "enter-initrd", &e), &e, ERR_NONE, "enter");
	values[1].pcr = values[0].pcr;
	assert_code(pcr_extend_text(&values[1].pcr, "leave-initrd", &e), &e, ERR_NONE, "leave");
	assert_code(pcrsig_key_load(DATA "rsa2048.key", &k, &e), &e, ERR_NONE, "key");
	assert_code(pcrsig_print(f, k, values, 2, &e), &e, ERR_NONE, "print");
	fclose(f);
	assert_code(file_read(AT_FDCWD, DATA "signed.json", 65536, &expected, &n, &e), &e, ERR_NONE,
		    "signed.json");
	assert_string_equal(got, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(keys_that_sign),
		UNIT_TEST(public_half_must_match),
		UNIT_TEST(signatures_are_those_of_openssl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
