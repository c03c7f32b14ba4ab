/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include "debug/key.h"

/* As openssl passwd -6 and, with more rounds, mkpasswd -m sha-512 make them. */
#define HASH "$6$abcdefgh12345678$yD9.WrHIFAB2FqFbrtAv9XAjMo3uoGuknM/U82Uh9fGbqxX7EpjHG1HcVkZ12LqZi6b00qu6Rpek.O6B.IMCq1"
#define SLOWER "$6$rounds=10000$saltsalt$fTMiJKRee.hPqH9YJHVfBSSctSAn37KvwtueVsJ7D.c0IvheCJw1771jcdDYLt0GFrf.to4MlFbCp2PBt0b4K0"
#define MD5 "$1$abcdefgh$G//4keteveJp0qb8z2DxG/"

static void keys(void **state)
{
	static const struct { const char *hash, *key; bool opens; } cases[] = {
		{ HASH, "open-sesame", true },
		{ SLOWER, "open-sesame", true },
		{ HASH, "open-sesamE", false },
		{ HASH, "open-sesame ", false },
		{ HASH, "open-sesam", false },
		{ HASH, "", false },
		{ HASH, HASH, false },
		{ SLOWER, "open-sesamE", false },
		{ MD5, "password", false /* though it is that key's */ },
		{ "", "", false },
		{ "", "open-sesame", false },
		{ "$6$", "open-sesame", false },
		{ "*", "*0", false },
		{ "*0", "*1", false },
	};
	char longest[KEY_MAX_BYTES + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (key_opens(cases[i].hash, cases[i].key) != cases[i].opens)
			fail_msg("'%s' with '%s'", cases[i].key, cases[i].hash);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(key_opens(HASH, longest));
}

static void lines(void **state)
{
	static const struct { const char *text; size_t n; bool whole; const char *key; } cases[] = {
		{ "key\n", 4, true, "key" }, { "\n", 1, true, "" }, { "", 0, false, NULL },
		{ "key", 3, false, NULL }, { "k\0y\n", 4, false, NULL },
	};
	char text[8];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		memcpy(text, cases[i].text, cases[i].n);
		if (key_line(text, cases[i].n) != cases[i].whole)
			fail_msg("'%s'", cases[i].text);
		if (cases[i].whole)
			assert_string_equal(text, cases[i].key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { UNIT_TEST(keys), UNIT_TEST(lines) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
