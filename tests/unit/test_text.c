/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <ctype.h>
#include <wctype.h>

#include "init/core/log.h"
#include "init/core/text.h"

static const struct { const char *text, *expected; } cases[] = {
	{ "", "" }, { "plain 'text' ~", "plain 'text' ~" },
	{ "\033[2Jgone", "?[2Jgone" }, { "a\nb\rc\td\177", "a?b?c?d?" },
	/* Two, three and four bytes. */
	{ "\xc3\xbc\xe2\x82\xac\xf0\x9f\x9a\xa2", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x9a\xa2" },
	/* Cut off. */
	{ "a\xc3", "a?" }, { "\xe2\x82", "??" }, { "\xf0\x9f\x9a", "???" }, { "\xe2\x82z", "??z" },
	/* A continuation alone, too long, a surrogate, past the last, not UTF-8. */
	{ "\x80", "?" }, { "\xc0\xaf", "??" }, { "\xe0\x80\xaf", "???" }, { "\xed\xa0\x80", "???" },
	{ "\xf4\x90\x80\x80", "????" }, { "\xfe\xff", "??" },
	/* The control characters of ISO 6429: this is CSI. */
	{ "\xc2\x9b" "2J", "??2J" }, { "\xc2\xa0", "\xc2\xa0" },
};

static void sanitized(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s", cases[i].text);
		text_sanitize(text);
		if (strcmp(text, cases[i].expected) != 0)
			fail_msg("case %zu: got '%s'", i, text);
	}
}

/* As lines of five columns, each in brackets. */
static void broken_into_lines(void **state)
{
	static const struct { const char *text, *lines; } broken[] = {
		{ "", "[]" }, { "abcde", "[abcde]" }, { "ab cd", "[ab cd]" }, { "ab cde f", "[ab][cde f]" },
		{ "abcde f", "[abcde][f]" }, { "abcdefg", "[abcde][fg]" }, { " abcdef", "[ abcd][ef]" },
		{ "a   b  cdef ", "[a   b][cdef ]" },
		{ "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc" "a", "[\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc][a]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		const char *text = broken[i].text;
		char lines[64];
		size_t used = 0;

		do {
			size_t n = text_line(text, 5);

			used += (size_t)snprintf(lines + used, sizeof(lines) - used, "[%.*s]", (int)n, text);
			text += n + strspn(text + n, " ");
		} while (*text);
		assert_string_equal(lines, broken[i].lines);
	}
}

static void errors_and_warnings_are(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, ERR_SYSTEM, 0, "word '%s'", "a\033[2J\n"), -ERR_SYSTEM);
	assert_string_equal(e.what, "word 'a?[2J?'");
	err_in(&e, "inner '%s'", "\xff");
	err_in(&e, "outer '%s'", "\n");
	assert_string_equal(e.where, "inner '?' < outer '?'");
	log_warning("word '%s'", "a\033[2J\n");
	assert_string_equal(log_warning_at(0), "word 'a?[2J?'");
}

/* Ours, not the C library's: ASCII as it has it, and nothing beyond. */
static void letters(void **state)
{
	static const struct { const char *name; int (*has)(int c); } classes[] = {
		{ "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank }, { "cntrl", iscntrl },
		{ "digit", isdigit }, { "graph", isgraph }, { "lower", islower }, { "print", isprint },
		{ "punct", ispunct }, { "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		for (unsigned c = 0; c < 0x300; c++)
			assert_int_equal(!!iswctype(c, wctype(classes[i].name)),
					 c < 0x80 && classes[i].has((int)c));
	assert_int_equal(wctype("letter"), 0);
	assert_int_equal(wctype(""), 0);
	assert_false(iswctype('a', 0));
	assert_false(iswctype('a', 13));
	assert_int_equal(towlower('Z'), 'z');
	assert_int_equal(towupper('a'), 'A');
	assert_int_equal(towlower('['), '[');
	assert_int_equal(towlower(0xc4), 0xc4);
	assert_int_equal(towupper(0xe4), 0xe4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(sanitized), UNIT_TEST(broken_into_lines), UNIT_TEST(errors_and_warnings_are),
		UNIT_TEST(letters),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
