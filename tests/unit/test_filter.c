/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The filters of systemd's own tests are here with what it makes of them, and more. */
#include "tests/unit/unit.h"

#include "modules/disk/dps.h"
#include "modules/verity/filtered.h"

static void parses(void **state)
{
	static const struct { const char *text; enum err_code code; } cases[] = {
		{ "", ERR_NONE },
		{ "root=*", ERR_NONE },
		{ "usr=foox?:root=kn*arz", ERR_NONE },
		{ "usr=foox?:root=kn*arz:home=wumpi", ERR_NONE },
		{ "root=", ERR_NONE },
		{ "root=a=b", ERR_NONE },
		{ "usr=foox?:root=kn*arz:home=wumpi:schlumpf=smurf", ERR_CMDLINE },
		{ ":", ERR_CMDLINE },
		{ "::", ERR_CMDLINE },
		{ "-", ERR_CMDLINE },
		{ "=*", ERR_CMDLINE },
		{ "root=a:", ERR_CMDLINE },
		{ "root=knuff:root=knuff", ERR_CMDLINE },
		{ "Root=a", ERR_CMDLINE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct filter f;
		struct err e = { 0 };

		assert_code(filter_parse(cases[i].text, &f, &e), &e, cases[i].code, cases[i].text);
	}
}

static void too_long(void **state)
{
	char text[FILTER_MAX_BYTES + 1] = "root=";
	struct filter f;
	struct err e = { 0 };

	(void)state;
	memset(text + 5, 'a', sizeof(text) - 6);
	assert_int_equal(filter_parse(text, &f, &e), -ERR_CMDLINE);
	text[FILTER_MAX_BYTES - 1] = '\0';
	assert_int_equal(filter_parse(text, &f, &e), 0);
}

static void matches(void **state)
{
	static const struct {
		const char *text;
		enum policy_designator d;
		const char *label;
		bool matches;
	} cases[] = {
		{ "", POLICY_ROOT, "foo", true },
		{ "", POLICY_USR_VERITY, "baz", true },
		{ "usr=250", POLICY_USR, "250", true },
		{ "usr=250", POLICY_USR, "251", false },
		{ "usr=250", POLICY_USR, "", false },
		{ "usr=250", POLICY_ROOT, "anything", true },
		{ "usr=250", POLICY_HOME, "anything", true },
		{ "usr=250", POLICY_USR_VERITY, "250", true },
		{ "usr=250", POLICY_USR_VERITY, "251", false },
		{ "usr=250", POLICY_USR_VERITY_SIG, "250", true },
		{ "usr=250", POLICY_USR_VERITY_SIG, "251", false },
		{ "root=A", POLICY_ROOT_VERITY, "A", true },
		{ "root=A", POLICY_ROOT_VERITY, "B", false },
		{ "root=A", POLICY_ROOT_VERITY_SIG, "B", false },
		{ "usr=25*", POLICY_USR_VERITY, "259", true },
		{ "usr=25*", POLICY_USR_VERITY, "260", false },
		{ "root=A:root-verity=B", POLICY_ROOT_VERITY, "B", true },
		{ "root=A:root-verity=B", POLICY_ROOT_VERITY, "A", false },
		{ "root=", POLICY_ROOT, "", true },
		{ "root=", POLICY_ROOT, "a", false },
		{ "root=a\\*", POLICY_ROOT, "a*", false },
		{ "root=a\\*", POLICY_ROOT, "a\\b", true },
		{ "root=os_[12]", POLICY_ROOT, "os_2", true },
		{ "root=os_[12]", POLICY_ROOT, "os_3", false },
		{ "root=*", POLICY_ROOT, ".hidden/x", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct filter f;
		struct err e = { 0 };

		assert_int_equal(filter_parse(cases[i].text, &f, &e), 0);
		if (filter_matches(&f, cases[i].d, cases[i].label) != cases[i].matches)
			fail_msg("'%s' on '%s'", cases[i].text, cases[i].label);
	}
}

/* What is hidden is neither chosen nor found. */
static void hides(void **state)
{
	struct partition all[] = {
		{ .number = 1, .type = *dps_type(DPS_ROOT, DPS_DATA), .label = "os_1" },
		{ .number = 2, .type = *dps_type(DPS_ROOT, DPS_DATA), .label = "os_2" },
		{ .number = 3, .type = *dps_type(DPS_ROOT, DPS_HASH), .label = "os_2", .uuid = { { 3 } } },
		{ .number = 4, .type = *dps_type(DPS_USR, DPS_DATA), .label = "os_2" },
	};
	struct gpt gpt = { .n_partitions = 4, .partitions = all };
	static const struct dps_wish any = { 0 };
	const struct partition *chosen;
	struct dps_verdicts why;
	struct filter f;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(dps_choose(&gpt, DPS_ROOT, &any, &why, &chosen, &e), 0);
	assert_int_equal(chosen->number, 2);
	assert_ptr_equal(gpt_find(&gpt, NULL, &all[2].uuid), &all[2]);
	assert_int_equal(filter_parse("root=os_1", &f, &e), 0);
	filter_apply(&f, &gpt);
	assert_int_equal(dps_choose(&gpt, DPS_ROOT, &any, &why, &chosen, &e), 0);
	assert_int_equal(chosen->number, 1);
	assert_string_equal(why.why[1], "hidden by systemd.image_filter=");
	assert_null(gpt_find(&gpt, NULL, &all[2].uuid));
	assert_false(all[3].filtered);
	assert_int_equal(filter_parse("root=os_9", &f, &e), 0);
	filter_apply(&f, &gpt);
	assert_int_equal(dps_choose(&gpt, DPS_ROOT, &any, &why, &chosen, &e), -ERR_ROOT_MISSING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(parses),
		UNIT_TEST(too_long),
		UNIT_TEST(matches),
		UNIT_TEST(hides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
