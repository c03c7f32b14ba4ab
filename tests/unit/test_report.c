/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `slipway report` makes of records, good ones and others. */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "init/core/cleanup.h"
#include "init/core/json.h"
#include "report/record.h"
#include "report/show.h"
#include "report/timeline.h"

#define HEAD "{\"schema\":1,\"version\":\"0\","
#define GOOD HEAD "\"result\":\"handed-over\"}"

static void parses_only_records(void **state)
{
	static const struct {
		const char *name, *text;
		enum err_code code;
		const char *version; /* of the record that counts */
	} cases[] = {
		{ "one", GOOD "\n", ERR_NONE, "0" },
		{ "no newline", GOOD, ERR_NONE, "0" },
		{ "the last one counts", GOOD "\n{\"schema\":1,\"version\":\"b\"}\n", ERR_NONE, "b" },
		{ "cut behind a whole one", GOOD "\n{\"schema\":1,\"ver", ERR_NONE, "0" },
		{ "empty", "", ERR_UNSUPPORTED, NULL },
		{ "cut", "{\"schema\":1", ERR_UNSUPPORTED, NULL },
		{ "not JSON", "\x7f" "ELF", ERR_UNSUPPORTED, NULL },
		{ "not an object", "[1]", ERR_UNSUPPORTED, NULL },
		{ "another object", "{\"a\":1}", ERR_UNSUPPORTED, NULL },
		{ "a later schema", "{\"schema\":2}", ERR_UNSUPPORTED, NULL },
		{ "a schema in words", "{\"schema\":\"1\"}", ERR_UNSUPPORTED, NULL },
		{ "too deep", HEAD "\"a\":[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]}", ERR_UNSUPPORTED, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		SCOPED(json_drop) struct json_object *record = NULL;
		struct err e;
		int rc = record_parse(cases[i].text, strlen(cases[i].text), &record, &e);

		assert_code(rc, &e, cases[i].code, cases[i].name);
		if (cases[i].version)
			assert_string_equal(record_text(record, "version"), cases[i].version);
	}
}

/* The record's timeline, and what a picture and lines say of it; the caller frees both. */
static void show(const char *text, char **svg, char **lines)
{
	SCOPED(json_drop) struct json_object *record = NULL;
	SCOPED(timeline_done) struct timeline t = { 0 };
	struct err e;
	size_t n;
	FILE *f;

	assert_code(record_parse(text, strlen(text), &record, &e), &e, ERR_NONE, text);
	assert_code(timeline_read(record, &t, &e), &e, ERR_NONE, text);
	f = open_memstream(svg, &n);
	show_svg(f, record, &t);
	fclose(f);
	f = open_memstream(lines, &n);
	show_text(f, record, &t);
	fclose(f);
}

static void spans_are_sorted_and_closed(void **state)
{
	static const char text[] = HEAD
		"\"stages\":[{\"name\":\"c\",\"start_us\":20,\"duration_us\":5},{\"name\":\"c\",\"start_us\":30}],"
		"\"modules\":[{\"name\":\"late\",\"start_us\":25,\"duration_us\":20,\"errno\":19},"
		"{\"name\":\"early\",\"start_us\":10,\"duration_us\":1}],"
		"\"waits\":[{\"what\":\"w\",\"start_us\":21,\"duration_us\":1,\"came\":false}, 7],"
		"\"measurements\":[{\"text\":\"untimed\"},{\"text\":\"m\",\"start_us\":-4,\"duration_us\":1}],"
		"\"tpm_commands\":[{\"what\":\"u\",\"start_us\":3,\"duration_us\":4}],"
		"\"hooks\":[{\"name\":\"h\",\"start_us\":31,\"duration_us\":2,\"code\":null},"
		"{\"name\":\"i\",\"start_us\":32,\"duration_us\":2,\"code\":\"HOOK_REFUSED\"}],"
		"\"failure\":{\"stage\":\"c\"}}";
	static const struct span wanted[] = {
		/* Two rows of one name, of which the second failed. */
		{ LANE_STAGES, "c", 20, 25, false, false },    { LANE_STAGES, "c", 30, 45, true, true },
		{ LANE_WAITS, "w", 21, 22, false, true },      { LANE_MODULES, "early", 10, 11, false, false },
		{ LANE_MODULES, "late", 25, 45, false, true }, { LANE_TPM, "m", 0, 1, false, false },
		{ LANE_TPM, "u", 3, 7, false, false },
		{ LANE_HOOKS, "h", 31, 33, false, false },     { LANE_HOOKS, "i", 32, 34, false, true },
	};
	SCOPED(json_drop) struct json_object *record = NULL;
	SCOPED(timeline_done) struct timeline t = { 0 };
	struct err e;

	(void)state;
	assert_code(record_parse(text, strlen(text), &record, &e), &e, ERR_NONE, "parse");
	assert_code(timeline_read(record, &t, &e), &e, ERR_NONE, "timeline");
	assert_int_equal(t.n, sizeof(wanted) / sizeof(*wanted));
	for (size_t i = 0; i < t.n; i++) {
		assert_string_equal(t.spans[i].name, wanted[i].name);
		assert_int_equal(t.spans[i].lane, wanted[i].lane);
		assert_int_equal(t.spans[i].start_us, wanted[i].start_us);
		assert_int_equal(t.spans[i].end_us, wanted[i].end_us);
		assert_int_equal(t.spans[i].open, wanted[i].open);
		assert_int_equal(t.spans[i].failed, wanted[i].failed);
	}
	assert_int_equal(t.start_us, 0);
	assert_int_equal(t.end_us, 45);
}

/* In a picture and on a terminal, a name is only a name. */
static void names_do_nothing(void **state)
{
	static const struct {
		const char *name, *in, *svg, *line;
	} cases[] = {
		{ "markup", "</title><script>", "&#60;/title&#62;&#60;script&#62;", "</title><script>" },
		{ "quotes and ampersand", "a&\\\"'b", "a&#38;&#34;&#39;b", "a&\"'b" },
		{ "escape sequence", "\\u001b[31m", "?[31m", "?[31m" },
		{ "new line", "one\\ntwo", "one?two", "one?two" },
		{ "bad UTF-8", "a\xff" "b", "a?b", "a?b" },
		{ "not a character of XML", "a\\uffffb", ">a?b<", "b" },
		{ "umlaut", "\xc3\xbc", ">\xc3\xbc<", "\xc3\xbc" },
		{ "long", "0123456789012345678901234567890123456789", ">0123456789012345678901234567…<", "789\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		SCOPED(mem_free) char *svg = NULL;
		SCOPED(mem_free) char *lines = NULL;
		char text[512];

		snprintf(text, sizeof(text),
			 HEAD "\"os\":\"%s\",\"stages\":[{\"name\":\"%s\",\"start_us\":1,\"duration_us\":2}]}",
			 cases[i].in, cases[i].in);
		show(text, &svg, &lines);
		if (!strstr(svg, cases[i].svg) || strstr(svg, "<script"))
			fail_msg("case '%s': %s", cases[i].name, svg);
		if (!strstr(lines, cases[i].line) || strchr(lines, '\x1b'))
			fail_msg("case '%s': %s", cases[i].name, lines);
	}
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* Whatever the times are, the picture has an end, and so has its scale. */
static void pictures_are_bounded(void **state)
{
	static const char *const times[] = { "0", "1", "999", "1000000", "4611686018427387904",
					     "9223372036854775807", "18446744073709551615" };
	static char text[32768] = HEAD "\"modules\":[";

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		for (size_t j = 0; j < sizeof(times) / sizeof(*times); j++) {
			SCOPED(mem_free) char *svg = NULL;
			SCOPED(mem_free) char *lines = NULL;
			char one[256];

			snprintf(one, sizeof(one),
				 HEAD "\"stages\":[{\"name\":\"a\",\"start_us\":%s,\"duration_us\":%s}]}",
				 times[i], times[j]);
			show(one, &svg, &lines);
			assert_in_range(count(svg, "<line "), 0, 14);
			assert_null(strstr(svg, "nan"));
		}
	for (int i = 0; i < 300; i++)
		strcat(text, "{\"name\":\"x\",\"start_us\":1,\"duration_us\":1},");
	strcpy(text + strlen(text) - 1, "]}");
	SCOPED(mem_free) char *svg = NULL;
	SCOPED(mem_free) char *lines = NULL;
	show(text, &svg, &lines);
	assert_int_equal(count(svg, "<rect "), 1 + 100);
	assert_int_equal(count(svg, "and more"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(parses_only_records),
		UNIT_TEST(spans_are_sorted_and_closed),
		UNIT_TEST(names_do_nothing),
		UNIT_TEST(pictures_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
