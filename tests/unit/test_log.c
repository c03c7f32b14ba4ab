/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/core/log.h"

enum { LINE_MAX_BYTES = 512 };

/* A socket that keeps the borders between writes, as kmsg does. */
struct sink {
	int fds[2];
};

static struct sink sink_open(bool kmsg)
{
	struct sink s;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s.fds), 0);
	log_open(s.fds[1], kmsg);
	return s;
}

static void sink_close(struct sink *s)
{
	log_close();
	close(s->fds[0]);
}

/* The next record; "" if there is none. */
static const char *next(const struct sink *s)
{
	static char line[4096];
	ssize_t n = recv(s->fds[0], line, sizeof(line) - 1, MSG_DONTWAIT);

	line[n < 0 ? 0 : n] = '\0';
	return line;
}

static void reset(void)
{
	log_close();
	log_set_max(LOG_INFO);
	log_set_stage("test");
}

static void early_messages_are_kept(void **state)
{
	static const struct { bool kmsg; const char *lines[2]; } cases[] = {
		{ true, { "<6>slipway[1]: test: one\n", "<3>slipway[1]: test: two\n" } },
		{ false, { "slipway[1]: test: one\n", "slipway[1]: test: two\n" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sink s;

		reset();
		log_info("one");
		log_err("two");
		s = sink_open(cases[i].kmsg);
		assert_string_equal(next(&s), cases[i].lines[0]);
		assert_string_equal(next(&s), cases[i].lines[1]);
		assert_string_equal(next(&s), "");
		sink_close(&s);

		s = sink_open(cases[i].kmsg); /* and only once */
		assert_string_equal(next(&s), "");
		sink_close(&s);
	}
}

/* 4096 bytes of whole lines are kept, in their order; what does not fit is lost whole. */
static void early_messages_are_bounded(void **state)
{
	enum { LINE = sizeof("<6>slipway[1]: test: line 0000 ......................................\n") - 1 };
	struct sink s;
	int n = 0;

	(void)state;
	reset();
	for (int i = 0; i < 200; i++)
		log_info("line %04d ......................................", i);
	s = sink_open(true);
	for (const char *line; *(line = next(&s)); n++) {
		char expected[LINE_MAX_BYTES];

		snprintf(expected, sizeof(expected),
			 "<6>slipway[1]: test: line %04d ......................................\n", n);
		assert_string_equal(line, expected);
	}
	assert_int_equal(n, 4096 / LINE);
	sink_close(&s);
}

static void levels(void **state)
{
	static const struct { enum log_level max; const char *levels; } cases[] = {
		{ LOG_ERR, "3" }, { LOG_WARNING, "34" }, { LOG_INFO, "346" }, { LOG_DEBUG, "3467" },
	};
	struct sink s;

	(void)state;
	reset();
	s = sink_open(true);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		log_set_max(cases[i].max);
		log_err("x");
		log_warning("x");
		log_info("x");
		log_debug("x");
		for (const char *level = cases[i].levels; *level; level++) {
			char expected[] = "<?>slipway[1]: test: x\n";

			expected[1] = *level;
			assert_string_equal(next(&s), expected);
		}
		assert_string_equal(next(&s), "");
	}
	sink_close(&s);
}

static void stage_is_named(void **state)
{
	struct sink s;

	(void)state;
	reset();
	s = sink_open(false);
	log_set_stage("prove");
	log_info("'%s' %d", "x", 7);
	assert_string_equal(next(&s), "slipway[1]: prove: 'x' 7\n");
	sink_close(&s);
}

static void check_cut(const struct sink *s, const char *begin, size_t max)
{
	const char *line = next(s);
	size_t n = strlen(line);

	assert_memory_equal(line, begin, strlen(begin));
	assert_in_range(n, max - 100, max);
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
	assert_string_equal(next(s), "");
}

static void long_lines_are_cut(void **state)
{
	static char stage[200], text[5000];
	struct sink s;

	(void)state;
	memset(stage, 's', sizeof(stage) - 1);
	memset(text, 'x', sizeof(text) - 1);
	reset();
	log_info("%s", text); /* also while it is buffered */
	s = sink_open(true);
	check_cut(&s, "<6>slipway[1]: test: xxx", LINE_MAX_BYTES - 1);
	log_info("%s", text);
	check_cut(&s, "<6>slipway[1]: test: xxx", LINE_MAX_BYTES - 1);
	log_set_stage(stage);
	log_info("%s", text);
	check_cut(&s, "<6>slipway[1]: sss", LINE_MAX_BYTES - 1);
	sink_close(&s);
}

static void errno_is_kept(void **state)
{
	(void)state;
	reset();
	log_open(open_descriptors() + 100, false); /* bad: each write fails */
	errno = ENOTTY;
	log_info("x");
	assert_int_equal(errno, ENOTTY);
	reset();
}

/* Last: nothing takes warnings back. */
static void warnings_are_kept(void **state)
{
	static char text[1000];
	size_t before = 0;
	struct sink s;

	(void)state;
	while (log_warning_at(before))
		before++;
	assert_in_range(before, 0, 29);
	reset();
	s = sink_open(true);
	log_set_max(LOG_ERR); /* not shown is not forgotten */
	memset(text, 'w', sizeof(text) - 1);
	log_warning("%s", text);
	log_info("no warning");
	log_warning("first");
	for (int i = 0; i < 40; i++)
		log_warning("%d", i);
	assert_string_equal(next(&s), "");
	assert_int_equal(strlen(log_warning_at(before)), 255);
	assert_int_equal(strspn(log_warning_at(before), "w"), 255);
	assert_string_equal(log_warning_at(before + 1), "first");
	assert_string_equal(log_warning_at(before + 2), "0");
	assert_non_null(log_warning_at(31));
	assert_null(log_warning_at(32));
	sink_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(early_messages_are_kept), UNIT_TEST(early_messages_are_bounded),
		UNIT_TEST(levels),		    UNIT_TEST(stage_is_named),
		UNIT_TEST(long_lines_are_cut),	    UNIT_TEST(errno_is_kept),
		UNIT_TEST(warnings_are_kept),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
