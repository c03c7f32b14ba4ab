/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the exit status of fsck means; the rest is for boots. */
#include "tests/unit/unit.h"

#include "modules/fsck/fsck.h"

static const struct {
	int status;
	enum err_code code;
	enum fsck_result result;
	const char *says;
} cases[] = {
	{ 0, ERR_NONE, FSCK_CLEAN, NULL },
	{ 1, ERR_NONE, FSCK_REPAIRED, NULL },
	{ 2, ERR_ROOT_FSCK, FSCK_NO_PROGRAM, "wants the machine to reboot: exit status 2" },
	{ 3, ERR_ROOT_FSCK, FSCK_NO_PROGRAM, "wants the machine to reboot: exit status 3" },
	{ 4, ERR_ROOT_FSCK, FSCK_NO_PROGRAM, "leaves errors in it: exit status 4" },
	{ 5, ERR_ROOT_FSCK, FSCK_NO_PROGRAM, "leaves errors in it: exit status 5" },
	{ 6, ERR_ROOT_FSCK, FSCK_NO_PROGRAM, "leaves errors in it: exit status 6" },
	{ 8, ERR_ROOT_FSCK, FSCK_NO_PROGRAM, "could not do its work: exit status 8" },
	{ 16, ERR_ROOT_FSCK, FSCK_NO_PROGRAM, "could not do its work: exit status 16" },
	{ 32, ERR_ROOT_FSCK, FSCK_NO_PROGRAM, "could not do its work: exit status 32" },
	{ 33, ERR_ROOT_FSCK, FSCK_NO_PROGRAM, "could not do its work: exit status 33" },
	{ 128, ERR_ROOT_FSCK, FSCK_NO_PROGRAM, "could not do its work: exit status 128" },
};

static void exit_statuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum fsck_result result = FSCK_NO_PROGRAM;
		char name[16];
		struct err e;

		snprintf(name, sizeof(name), "%d", cases[i].status);
		assert_code(fsck_judge(cases[i].status, &result, &e), &e, cases[i].code, name);
		assert_int_equal(result, cases[i].result);
		if (cases[i].says && !strstr(e.what, cases[i].says))
			fail_msg("%s: '%s'", name, e.what);
	}
}

/* A file system for which there is no program is nobody's fault. */
static void no_program(void **state)
{
	const struct fsck_request q = { .device = "/dev/null", .filesystem = "none-such", .repair = 'a', .timeout_s = 1 };
	enum fsck_result result = FSCK_CLEAN;
	struct err e;

	(void)state;
	assert_code(fsck_run(&q, &result, &e), &e, ERR_NONE, "no program");
	assert_int_equal(result, FSCK_NO_PROGRAM);
}

int main(void)
{
	const struct CMUnitTest tests[] = { UNIT_TEST(exit_statuses), UNIT_TEST(no_program) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
