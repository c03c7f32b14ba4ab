/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* unit.h - cmocka, and a main that also looks for leaked descriptors.
 *
 * Cases are data: a const table and one loop. Failures name the case. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "init/core/err.h"

static int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int fds_before(void **state)
{
	*state = (void *)(intptr_t)open_descriptors();
	return 0;
}

static int fds_after(void **state)
{
	int before = (int)(intptr_t)*state, after = open_descriptors();

	if (before != after)
		print_error("leaked descriptors: %d before, %d after\n", before, after);
	return before == after ? 0 : -1;
}

#define UNIT_TEST(f) cmocka_unit_test_setup_teardown(f, fds_before, fds_after)

/* Asserts the result of a fallible call, naming the case and the error. */
#define assert_code(rc, err, expected, case_name)                                           \
	do {                                                                                \
		enum err_code got_ = (rc) < 0 ? (enum err_code)-(rc) : ERR_NONE;            \
		if (got_ != (expected))                                                     \
			fail_msg("case '%s': got %s (%s), expected %s", (case_name),        \
				 err_name(got_), got_ ? (err)->what : "", err_name(expected)); \
	} while (0)
