/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "mkinitrd/host.h"
#include "mkinitrd/profile.h"
#include "tests/unit/tree.h"

#define LONG "1234567890123456789012345678901234567890123456789012345678901234"

static const struct {
	const char *name, *text;
	size_t n;
	enum err_code code;
	const char *rows; /* mark and name of each; what is said otherwise */
} cases[] = {
	{ "empty", "", 0, ERR_NONE, "" },
	{ "comments", "# a\n\n \t# b\n\r\n", 0, ERR_NONE, "" },
	{ "marks", "a\n!b\n?c*\n", 0, ERR_NONE, " a !b ?c*" },
	{ "white space, no end of line", " a-b\t\r\n\t!b_c ", 0, ERR_NONE, " a-b !b_c" },
	{ "twice", "a\na", 0, ERR_NONE, " a  a" },
	{ "two words", "a\nb c\n", 0, ERR_CONFIG, "line 2: 'b c'" },
	{ "comment behind", "a # b\n", 0, ERR_CONFIG, "line 1: 'a # b'" },
	{ "mark alone", "a\n\n!\n", 0, ERR_CONFIG, "line 3: ''" },
	{ "mark apart", "! a\n", 0, ERR_CONFIG, "line 1: ' a'" },
	{ "not ASCII", "a\xc3\xa4\n", 0, ERR_CONFIG, "line 1" },
	{ "longest name", LONG LONG LONG "123456789012345678901234567890123456789012345678901234567890123\n",
	  0, ERR_NONE, NULL },
	{ "too long", LONG LONG LONG LONG "\n", 0, ERR_CONFIG, "line 1" },
	{ "NUL", "a\n\0b", 4, ERR_CONFIG, "NUL byte" },
};

static void parses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t n = cases[i].n ? cases[i].n : strlen(cases[i].text);
		struct profile p = { 0 };
		struct err e = { 0 };
		char got[64] = "";

		assert_code(profile_parse("dir/x.list", cases[i].text, n, &p, &e), &e,
			    cases[i].code, cases[i].name);
		if (cases[i].code) {
			if (!strstr(e.what, cases[i].rows))
				fail_msg("case '%s': says %s", cases[i].name, e.what);
			continue;
		}
		for (size_t row = 0; cases[i].rows && row < p.n; row++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%c%s", row ? " " : "",
				 " !?"[p.rows[row].mark], p.rows[row].name);
		if (cases[i].rows && strcmp(got, cases[i].rows) != 0)
			fail_msg("case '%s': got '%s'", cases[i].name, got);
		assert_string_equal(p.why, "profile x.list");
		profile_done(&p);
	}
}

static void rows_are_bounded(void **state)
{
	static char text[2 * (PROFILE_MAX_ROWS + 1)];
	struct profile p = { 0 };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "a\n", 2);
	assert_code(profile_parse("x", text, sizeof(text) - 2, &p, &e), &e, ERR_NONE, "most");
	assert_int_equal(p.n, PROFILE_MAX_ROWS);
	profile_done(&p);
	assert_code(profile_parse("x", text, sizeof(text), &p, &e), &e, ERR_CONFIG, "one more");
}

static const char *const machine[] = {
	"f sys/bus/pci/devices/1/modalias pci:v2\n", "f sys/bus/pci/devices/2/modalias pci:v1\n",
	"f sys/bus/pci/devices/3/modalias pci:v2\n", "f sys/bus/pci/devices/3/uevent DRIVER=x\n",
	"f sys/bus/cpu/devices/cpu0/modalias " LONG LONG LONG LONG "\n",
	"f sys/bus/dmi/devices/id/modalias dmi: two words\n",
	"f sys/bus/usb/devices/4/modalias \n", "d sys/bus/usb/drivers",
	"f proc/modules nvme 4096 1 - Live 0x0\npci:v1 4096 2 a,b, Live 0x0\n", NULL,
};

static void host_asks_the_machine(void **state)
{
	char root[32], *text = NULL, *rows;
	struct err e = { 0 };
	size_t n = 0;

	(void)state;
	tree_make(machine, root);
	assert_code(host_profile(root, "base\n", &text, &n, &e), &e, ERR_NONE, "host");
	assert_int_equal(n, strlen(text));
	rows = strstr(text, "base\n");
	assert_non_null(rows);
	assert_string_equal(rows, "base\n\n# this machine\n?nvme\n?pci:v1\n?pci:v2\n");
	free(text);
	tree_remove(root);
}

static void host_of_nothing_is_the_base(void **state)
{
	char root[32], *text = NULL;
	static const char *const nothing[] = { NULL };
	struct err e = { 0 };
	size_t n = 0;

	(void)state;
	tree_make(nothing, root);
	assert_code(host_profile(root, "base\n", &text, &n, &e), &e, ERR_NONE, "host");
	assert_non_null(strstr(text, "base\n\n# this machine\n"));
	assert_null(strstr(text, "\n?"));
	free(text);
	tree_remove(root);
}

static void ours_are_known_and_parse(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; profile_name(i); i++) {
		struct profile p = { 0 };

		assert_true(profile_known(profile_name(i)));
		assert_code(profile_open(profile_name(i), &p, &e), &e, ERR_NONE, profile_name(i));
		assert_true(p.n > 10);
		profile_done(&p);
	}
	assert_true(profile_known("none") && profile_known("a/b"));
	assert_false(profile_known("") || profile_known("Virt") || profile_known("virt "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(parses), UNIT_TEST(rows_are_bounded), UNIT_TEST(host_asks_the_machine),
		UNIT_TEST(host_of_nothing_is_the_base), UNIT_TEST(ours_are_known_and_parse),
	};

	return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
