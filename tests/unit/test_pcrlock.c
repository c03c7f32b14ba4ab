/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pcrlock.json: a real one, and what is no such thing. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdlib.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "modules/tpm/pcrlock.h"

static void reads_a_real_one(void **state)
{
	SCOPED(mem_free) char *text = NULL;
	struct pcrlock p;
	struct err e;
	size_t n;

	(void)state;
	assert_code(file_read(AT_FDCWD, "tests/data/tokens/pcrlock.json", 65536, &text, &n, &e), &e, ERR_NONE, "file");
	assert_code(pcrlock_parse((struct bytes){ (uint8_t *)text, n }, &p, &e), &e, ERR_NONE, "real");
	assert_int_equal(p.index >> 24, 1);
	assert_int_equal(p.bank, 0x0b);
	assert_int_equal(p.n_digest, 32);
	for (unsigned pcr = 0; pcr < TPM_N_PCRS; pcr++)
		assert_int_equal(p.pcrs[pcr].n, pcr == 14 ? 1 : pcr == 15 ? 2 : 0);
	assert_memory_equal(p.pcrs[14].at[0], "\x4d\x10\xd2\x0a", 4);
	assert_memory_equal(p.pcrs[15].at[1], "\xd8\x62\xa0\xdf", 4);
}

#define HASH "c0ffee00112233445566778899aabbccddeeff00112233445566778899aabbcc"
#define EIGHT H ",\"" HASH "\",\"" HASH "\",\"" HASH "\",\"" HASH "\",\"" HASH "\",\"" HASH "\"," H
#define H "\"" HASH "\""
#define VALUES(list) "{\"pcr\":7,\"values\":[" list "]}"
#define JSON(index, bank, values) "{\"nvIndex\":" index ",\"pcrBank\":\"" bank "\",\"pcrValues\":[" values "]}"

static void takes_and_refuses(void **state)
{
	static const struct { const char *name, *json; enum err_code code; } cases[] = {
		{ "least", JSON("16777216", "sha256", ""), ERR_NONE },
		{ "last index", JSON("33554431", "sha256", VALUES(H)), ERR_NONE },
		{ "eight values", JSON("16777216", "sha256", VALUES(EIGHT)), ERR_NONE },
		{ "two PCRs", JSON("16777216", "sha256", VALUES(H) ",{\"pcr\":23,\"values\":[" H "],\"x\":1}"), ERR_NONE },
		{ "sha512", JSON("16777216", "sha512", "{\"pcr\":0,\"values\":[\"" HASH HASH "\"]}"), ERR_NONE },
		{ "nothing", "", ERR_UNSUPPORTED },
		{ "list", "[]", ERR_UNSUPPORTED },
		{ "empty", "{}", ERR_UNSUPPORTED },
		{ "no index", "{\"pcrBank\":\"sha256\",\"pcrValues\":[]}", ERR_UNSUPPORTED },
		{ "no bank", "{\"nvIndex\":16777216,\"pcrValues\":[]}", ERR_UNSUPPORTED },
		{ "no values", "{\"nvIndex\":16777216,\"pcrBank\":\"sha256\"}", ERR_UNSUPPORTED },
		{ "values an object", "{\"nvIndex\":16777216,\"pcrBank\":\"sha256\",\"pcrValues\":{}}", ERR_UNSUPPORTED },
		{ "index twice", "{\"nvIndex\":1,\"nvIndex\":16777216,\"pcrBank\":\"sha256\",\"pcrValues\":[]}", ERR_UNSUPPORTED },
		{ "index of a key", JSON("2164260865", "sha256", ""), ERR_UNSUPPORTED },
		{ "index below", JSON("16777215", "sha256", ""), ERR_UNSUPPORTED },
		{ "unknown bank", JSON("16777216", "md5", ""), ERR_UNSUPPORTED },
		{ "nine values", JSON("16777216", "sha256", VALUES(EIGHT "," H)), ERR_UNSUPPORTED },
		{ "no value", JSON("16777216", "sha256", VALUES("")), ERR_UNSUPPORTED },
		{ "PCR twice", JSON("16777216", "sha256", VALUES(H) "," VALUES(H)), ERR_UNSUPPORTED },
		{ "PCR 24", JSON("16777216", "sha256", "{\"pcr\":24,\"values\":[" H "]}"), ERR_UNSUPPORTED },
		{ "PCR -1", JSON("16777216", "sha256", "{\"pcr\":-1,\"values\":[" H "]}"), ERR_UNSUPPORTED },
		{ "PCR text", JSON("16777216", "sha256", "{\"pcr\":\"7\",\"values\":[" H "]}"), ERR_UNSUPPORTED },
		{ "short value", JSON("16777216", "sha512", VALUES(H)), ERR_UNSUPPORTED },
		{ "long value", JSON("16777216", "sha1", VALUES(H)), ERR_UNSUPPORTED },
		{ "value null", JSON("16777216", "sha256", VALUES("null")), ERR_UNSUPPORTED },
		{ "entry null", JSON("16777216", "sha256", "null"), ERR_UNSUPPORTED },
		{ "followed", JSON("16777216", "sha256", "") "x", ERR_UNSUPPORTED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t n = strlen(cases[i].json);
		SCOPED(mem_free) uint8_t *copy = malloc(n + !n);
		struct err e = { 0 };
		struct pcrlock p;

		memcpy(copy, cases[i].json, n);
		assert_code(pcrlock_parse((struct bytes){ copy, n }, &p, &e), &e, cases[i].code, cases[i].name);
	}
}

static void bounds(void **state)
{
	static const char open[] = "{\"nvIndex\":16777216,\"pcrBank\":\"sha256\",\"pcrValues\":[],\"x\":\"";
	SCOPED(mem_free) char *text = malloc(PCRLOCK_MAX_BYTES + 1);
	struct pcrlock p;
	struct err e;

	(void)state;
	memset(text, 'a', PCRLOCK_MAX_BYTES + 1);
	memcpy(text, open, sizeof(open) - 1);
	for (size_t more = 0; more < 2; more++) {
		size_t n = PCRLOCK_MAX_BYTES + more;

		memcpy(text + n - 2, "\"}", 2);
		assert_code(pcrlock_parse((struct bytes){ (uint8_t *)text, n }, &p, &e), &e,
			    more ? ERR_UNSUPPORTED : ERR_NONE, "size");
		text[n - 2] = text[n - 1] = 'a';
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(reads_a_real_one), UNIT_TEST(takes_and_refuses), UNIT_TEST(bounds),
	};

	return cmocka_run_group_tests_name("pcrlock", tests, NULL, NULL);
}
