/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include "init/core/bytes.h"
#include "init/core/version.h"

/* In ascending order; each must be older than all that follow (UAPI.10). */
static const char *const ascending[] = {
	"~", "~rc", "", "A", "Aa", "a", "0", "1~rc1", "1~rc2", "1", "122.1", "123~rc1-1", "123", "123-a", "123-a.1",
	"123-3", "123^post1", "123.a", "123.a-1", "123.1", "123a-1", "124", "124.1",
};

static void version_order(void **state)
{
	size_t n = sizeof(ascending) / sizeof(*ascending);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			int got = version_compare(ascending[i], ascending[j]);

			if (got != (i > j) - (i < j))
				fail_msg("'%s' against '%s': %d", ascending[i], ascending[j], got);
		}
}

static void version_equal(void **state)
{
	static const char *const same[][2] = {
		{ "1_2", "1+2" }, { "", "__" }, { "007", "7" }, { "a_010", "a_10" }, { "1.0", "1.00" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		assert_int_equal(version_compare(same[i][0], same[i][1]), 0);
}

static void base64_cases(void **state)
{
	static const struct { const char *text; int n; } cases[] = {
		{ "Zm9v", 3 }, { "Zm8=", 2 }, { "Zg==", 1 }, { "", -1 }, { "Zg=", -1 }, { "Zh==", -1 },
		{ "Zm9v\n", -1 }, { "====", -1 }, { "Z===", -1 }, { "Zm9vZm9vZm9v", -1 /* too long */ },
	};
	uint8_t out[8];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (base64_decode(cases[i].text, out, sizeof(out)) != cases[i].n)
			fail_msg("'%s'", cases[i].text);
	assert_int_equal(base64_decode("Zm9v", out, 3), 3);
	assert_memory_equal(out, "foo", 3);
}

static void uuid_round_trip(void **state)
{
	static const char text[] = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";
	static const uint8_t guid[16] = { 0xe3, 0xbc, 0x68, 0x4f, 0xcd, 0xe8, 0xb1, 0x4d,
					  0x96, 0xe7, 0xfb, 0xca, 0xf9, 0x84, 0xb7, 0x09 };
	struct uuid a, b = uuid_from_guid(guid);
	char out[UUID_TEXT_BYTES];

	(void)state;
	assert_true(uuid_from_text("4F68BCE3-e8cd-4db1-96e7-fbcaf984b709", &a));
	assert_true(uuid_equal(&a, &b));
	assert_string_equal(uuid_format(&b, out), text);
	assert_false(uuid_from_text("4f68bce3-e8cd-4db1-96e7-fbcaf984b70", &a));
	assert_false(uuid_from_text("4f68bce3-e8cd-4db1-96e7fbcaf984b7090-", &a));
	assert_false(uuid_from_text("4f68bce3-e8cd-4db1-96e7-fbcaf984b70g", &a));
}

static void every_code_has_its_texts(void **state)
{
	(void)state;
	for (int i = 1; i < ERR_N_CODES; i++) {
		assert_true(strlen(err_name((enum err_code)i)) > 3);
		assert_true(strlen(err_meaning((enum err_code)i)) > 10);
		assert_true(strlen(err_advice((enum err_code)i)) > 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(version_order), UNIT_TEST(version_equal), UNIT_TEST(base64_cases),
		UNIT_TEST(uuid_round_trip), UNIT_TEST(every_code_has_its_texts),
	};

	return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
