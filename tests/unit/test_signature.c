/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "modules/verity/signature.h"

#define HASH "c0ffee00112233445566778899aabbccddeeff00112233445566778899aabbcc"
#define UPPER "C0FFEE00112233445566778899AABBCCDDEEFF00112233445566778899AABBCC"
#define GOOD "{\"rootHash\":\"" HASH "\",\"certificateFingerprint\":\"00\",\"signature\":\"Zm9v\"}"
#define TEXT(s) s, sizeof(s) - 1

static const struct {
	const char *name, *text;
	size_t n;
	enum err_code code;
} cases[] = {
	{ "no fill", TEXT(GOOD), ERR_NONE },
	{ "one NUL", TEXT(GOOD "\0"), ERR_NONE },
	{ "fill", TEXT(GOOD "\0\0\0\0\0\0\0\0\0"), ERR_NONE },
	{ "newline", TEXT(GOOD " \n\0\0"), ERR_NONE },
	{ "leading space", TEXT(" \n" GOOD), ERR_NONE },
	{ "pretty", TEXT("{\n\t\"rootHash\" : \"" HASH "\",\n\t\"signature\" : \"Zm9v\"\n}\n"), ERR_NONE },
	{ "unknown keys", TEXT("{\"a\":{\"rootHash\":[1,{\"b\":2}]},\"x\":\":,{\\\"\",\"rootHash\":\"" HASH
			       "\",\"signature\":\"Zm9v\"}"), ERR_NONE },
	{ "16 bytes", TEXT("{\"rootHash\":\"00112233445566778899aabbccddeeff\",\"signature\":\"Zm9v\"}"), ERR_NONE },
	{ "64 bytes", TEXT("{\"rootHash\":\"" HASH HASH "\",\"signature\":\"Zm9v\"}"), ERR_NONE },

	{ "nothing", TEXT(""), ERR_SIGNATURE_MALFORMED },
	{ "only NUL", TEXT("\0\0\0\0"), ERR_SIGNATURE_MALFORMED },
	{ "text after NUL", TEXT(GOOD "\0\0x"), ERR_SIGNATURE_MALFORMED },
	{ "second object after NUL", TEXT(GOOD "\0" GOOD), ERR_SIGNATURE_MALFORMED },
	{ "text after the object", TEXT(GOOD "x"), ERR_SIGNATURE_MALFORMED },
	{ "second object", TEXT(GOOD GOOD), ERR_SIGNATURE_MALFORMED },
	{ "embedded NUL", TEXT("{\"rootHash\":\"" HASH "\0\",\"signature\":\"Zm9v\"}"), ERR_SIGNATURE_MALFORMED },
	{ "escaped NUL", TEXT("{\"rootHash\":\"" HASH "\\u0000\",\"signature\":\"Zm9v\"}"), ERR_SIGNATURE_MALFORMED },
	{ "truncated", TEXT("{\"rootHash\":\"" HASH "\",\"signature\":\"Zm9v\""), ERR_SIGNATURE_MALFORMED },
	{ "truncated string", TEXT("{\"rootHash\":\"" HASH "\",\"signature\":\"Zm9"), ERR_SIGNATURE_MALFORMED },
	{ "array", TEXT("[" GOOD "]"), ERR_SIGNATURE_MALFORMED },
	{ "string", TEXT("\"" HASH "\""), ERR_SIGNATURE_MALFORMED },
	{ "null", TEXT("null"), ERR_SIGNATURE_MALFORMED },
	{ "single quotes", TEXT("{'rootHash':'" HASH "','signature':'Zm9v'}"), ERR_SIGNATURE_MALFORMED },
	{ "comment", TEXT("/* */" GOOD), ERR_SIGNATURE_MALFORMED },
	{ "trailing comma", TEXT("{\"rootHash\":\"" HASH "\",\"signature\":\"Zm9v\",}"), ERR_SIGNATURE_MALFORMED },
	{ "bad UTF-8", TEXT("{\"a\":\"\xff\",\"rootHash\":\"" HASH "\",\"signature\":\"Zm9v\"}"), ERR_SIGNATURE_MALFORMED },
	{ "same hash twice", TEXT("{\"rootHash\":\"" HASH "\",\"rootHash\":\"" HASH "\",\"signature\":\"Zm9v\"}"),
	  ERR_SIGNATURE_MALFORMED },
	{ "escaped twin", TEXT("{\"rootHash\":\"" HASH "\",\"\\u0072ootHash\":\"" HASH "\",\"signature\":\"Zm9v\"}"),
	  ERR_SIGNATURE_MALFORMED },
	{ "unknown key twice", TEXT("{\"x\":1,\"x\":2,\"rootHash\":\"" HASH "\",\"signature\":\"Zm9v\"}"),
	  ERR_SIGNATURE_MALFORMED },
	{ "too deep", TEXT("{\"x\":[[[[[[[[[[[[]]]]]]]]]]]],\"rootHash\":\"" HASH "\",\"signature\":\"Zm9v\"}"),
	  ERR_SIGNATURE_MALFORMED },
	{ "no hash", TEXT("{\"signature\":\"Zm9v\"}"), ERR_SIGNATURE_MALFORMED },
	{ "no signature", TEXT("{\"rootHash\":\"" HASH "\"}"), ERR_SIGNATURE_MALFORMED },
	{ "hash only below", TEXT("{\"a\":" GOOD ",\"signature\":\"Zm9v\"}"), ERR_SIGNATURE_MALFORMED },
	{ "hash is a number", TEXT("{\"rootHash\":12,\"signature\":\"Zm9v\"}"), ERR_SIGNATURE_MALFORMED },
	{ "hash is null", TEXT("{\"rootHash\":null,\"signature\":\"Zm9v\"}"), ERR_SIGNATURE_MALFORMED },
	{ "hash upper case", TEXT("{\"rootHash\":\"" UPPER "\",\"signature\":\"Zm9v\"}"), ERR_SIGNATURE_MALFORMED },
	{ "hash with newline", TEXT("{\"rootHash\":\"" HASH "\\n\",\"signature\":\"Zm9v\"}"), ERR_SIGNATURE_MALFORMED },
	{ "hash of 15 bytes", TEXT("{\"rootHash\":\"112233445566778899aabbccddeeff\",\"signature\":\"Zm9v\"}"),
	  ERR_SIGNATURE_MALFORMED },
	{ "hash of 65 bytes", TEXT("{\"rootHash\":\"" HASH HASH "00\",\"signature\":\"Zm9v\"}"), ERR_SIGNATURE_MALFORMED },
	{ "hash empty", TEXT("{\"rootHash\":\"\",\"signature\":\"Zm9v\"}"), ERR_SIGNATURE_MALFORMED },
	{ "signature empty", TEXT("{\"rootHash\":\"" HASH "\",\"signature\":\"\"}"), ERR_SIGNATURE_MALFORMED },
	{ "signature no base64", TEXT("{\"rootHash\":\"" HASH "\",\"signature\":\"Zm9\"}"), ERR_SIGNATURE_MALFORMED },
	{ "signature is a number", TEXT("{\"rootHash\":\"" HASH "\",\"signature\":1}"), ERR_SIGNATURE_MALFORMED },
};

static void parses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		/* In memory of its exact size: a read past the end is seen. */
		uint8_t *copy = malloc(cases[i].n + !cases[i].n);
		struct verity_signature s;
		struct err e = { 0 };
		int rc;

		memcpy(copy, cases[i].text, cases[i].n);
		rc = verity_signature_parse(copy, cases[i].n, &s, &e);
		free(copy);
		assert_code(rc, &e, cases[i].code, cases[i].name);
		if (rc == 0)
			verity_signature_done(&s);
	}
}

static void gives_hash_and_der(void **state)
{
	struct verity_signature s;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(verity_signature_parse((const uint8_t *)GOOD, sizeof(GOOD), &s, &e), 0);
	assert_int_equal(s.root_hash_bytes, 32);
	assert_memory_equal(s.root_hash, "\xc0\xff\xee\x00\x11", 5);
	assert_string_equal(s.root_hash_text, HASH);
	assert_int_equal(s.der_bytes, 3);
	assert_memory_equal(s.der, "foo", 3);
	verity_signature_done(&s);
	assert_null(s.der);
}

/* Sizes at and above each bound; depth as an attacker would choose it. */
static void bounds(void **state)
{
	static const char open[] = "{\"rootHash\":\"" HASH "\",\"signature\":\"";
	size_t n = SIGNATURE_MAX_BYTES + 1, text = sizeof(open) - 1;
	size_t most = SIGNATURE_MAX_DER_BYTES / 3 * 4; /* 65535 bytes */
	uint8_t *p = calloc(1, n);
	struct verity_signature s;
	struct err e = { 0 };

	(void)state;
	memcpy(p, GOOD, sizeof(GOOD));
	assert_code(verity_signature_parse(p, n - 1, &s, &e), &e, ERR_NONE, "4 MiB");
	verity_signature_done(&s);
	assert_code(verity_signature_parse(p, n, &s, &e), &e, ERR_SIGNATURE_MALFORMED, "more");
	memcpy(p, open, text);
	memset(p + text, 'A', most);
	memcpy(p + text + most, "\"}", 2);
	assert_code(verity_signature_parse(p, n - 1, &s, &e), &e, ERR_NONE, "64 KiB of DER");
	verity_signature_done(&s);
	memcpy(p + text + most, "AAAA\"}", 6);
	assert_code(verity_signature_parse(p, n - 1, &s, &e), &e, ERR_SIGNATURE_MALFORMED, "more DER");
	memset(p, '[', n);
	assert_code(verity_signature_parse(p, n - 1, &s, &e), &e, ERR_SIGNATURE_MALFORMED, "deep");
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(parses), UNIT_TEST(gives_hash_and_der), UNIT_TEST(bounds),
	};

	return cmocka_run_group_tests_name("signature", tests, NULL, NULL);
}
