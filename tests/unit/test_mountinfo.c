/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include "modules/handover/mountinfo.h"

static void paths(void **state)
{
	static const struct { const char *shown, *path; } cases[] = {
		{ "/run/plain", "/run/plain" },
		{ "/left\\040over", "/left over" },
		{ "/a\\011b\\012c\\134", "/a\tb\nc\\" },
		{ "\\040", " " },
		{ "/cut\\04", "/cut\\04" },
		{ "/no\\089", "/no\\089" },
		{ "/two\\\\040", "/two\\ " },
		{ "", "" },
	};
	char text[40];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		strcpy(text, cases[i].shown);
		mountinfo_unescape(text);
		assert_string_equal(text, cases[i].path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { UNIT_TEST(paths) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
