/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include "modules/luks/header.h"
#include "modules/luks/recovery.h"
#include "tests/unit/luks_header.h"

enum { PARTITION = 64 * 1024 * 1024 };

/* As cryptsetup 2.7 writes it, without what is not looked at. */
#define SLOT "{\"type\":\"luks2\",\"key_size\":64,\"af\":{\"type\":\"luks1\",\"stripes\":4000}," \
	"\"area\":{\"type\":\"raw\",\"offset\":\"32768\",\"size\":\"258048\"," \
	"\"encryption\":\"aes-xts-plain64\",\"key_size\":64}," \
	"\"kdf\":{\"type\":\"argon2id\",\"time\":4,\"memory\":1048576,\"cpus\":2}}"
#define SEGMENT "{\"type\":\"crypt\",\"offset\":\"16777216\",\"size\":\"dynamic\",\"iv_tweak\":\"0\"," \
	"\"encryption\":\"aes-xts-plain64\",\"sector_size\":512}"
#define JSON "{\"keyslots\":{\"0\":" SLOT "},\"tokens\":{},\"segments\":{\"0\":" SEGMENT "}," \
	"\"digests\":{},\"config\":{\"json_size\":\"12288\",\"keyslots_size\":\"16744448\"}}"

static const struct {
	const char *name, *from, *to; /* in the text above */
	enum err_code code;
} cases[] = {
	{ "as it is", "", "", ERR_NONE },
	{ "a size", "\"dynamic\"", "\"50331648\"", ERR_NONE },
	{ "no cipher", "\"iv_tweak\":\"0\",\"encryption\":\"aes-xts-plain64\"",
	  "\"iv_tweak\":\"0\",\"encryption\":\"cipher_null-ecb\"", ERR_LUKS_HEADER },
	{ "no cipher for the key", "258048\",\"encryption\":\"aes-xts-plain64\"",
	  "258048\",\"encryption\":\"cipher_null-ecb\"", ERR_LUKS_HEADER },
	{ "linear", "\"type\":\"crypt\"", "\"type\":\"linear\"", ERR_LUKS_HEADER },
	{ "two segments", "\"segments\":{\"0\"", "\"segments\":{\"1\":{},\"0\"", ERR_LUKS_HEADER },
	{ "another segment", "\"segments\":{\"0\"", "\"segments\":{\"1\"", ERR_LUKS_HEADER },
	{ "flags", "\"iv_tweak\"", "\"flags\":[],\"iv_tweak\"", ERR_LUKS_HEADER },
	{ "integrity", "\"iv_tweak\"", "\"integrity\":{},\"iv_tweak\"", ERR_LUKS_HEADER },
	{ "data in the header", "\"16777216\"", "\"16384\"", ERR_LUKS_HEADER },
	{ "data behind the end", "\"16777216\"", "\"67108864\"", ERR_LUKS_HEADER },
	{ "an odd place", "\"16777216\"", "\"16777217\"", ERR_LUKS_HEADER },
	{ "no number", "\"16777216\"", "\"-1\"", ERR_LUKS_HEADER },
	{ "an endless number", "\"16777216\"", "\"16777216000000000000\"", ERR_LUKS_HEADER },
	{ "a number, not its text", "\"16777216\"", "16777216", ERR_LUKS_HEADER },
	{ "too large", "\"dynamic\"", "\"50332160\"", ERR_LUKS_HEADER },
	{ "empty", "\"dynamic\"", "\"0\"", ERR_LUKS_HEADER },
	{ "a key in the header", "\"32768\"", "\"4096\"", ERR_LUKS_HEADER },
	{ "a key in the data", "\"32768\"", "\"16777216\"", ERR_LUKS_HEADER },
	{ "a key that reaches into the data", "\"32768\"", "\"16773120\"", ERR_LUKS_HEADER },
	{ "a huge key", "\"258048\"", "\"2097152\"", ERR_LUKS_HEADER },
	{ "no key slots", "\"keyslots\":{\"0\":" SLOT "}", "\"keyslots\":{}", ERR_LUKS_HEADER },
	{ "a slot that there is not", "\"keyslots\":{\"0\"", "\"keyslots\":{\"32\"", ERR_LUKS_HEADER },
	{ "re-encryption", "\"type\":\"luks2\"", "\"type\":\"reencrypt\"", ERR_LUKS_HEADER },
	{ "no derivation", "\"kdf\":{", "\"kfd\":{", ERR_LUKS_HEADER },
	{ "negative memory", "1048576,\"cpus\"", "-1,\"cpus\"", ERR_LUKS_HEADER },
	{ "requirements", "\"config\":{", "\"config\":{\"requirements\":{\"mandatory\":[\"x\"]},", ERR_LUKS_HEADER },
	{ "no configuration", "\"config\"", "\"gonfic\"", ERR_LUKS_HEADER },
	{ "no segments", "\"segments\"", "\"sediments\"", ERR_LUKS_HEADER },
	{ "no JSON", "\"digests\":{}", "\"digests\":{", ERR_LUKS_HEADER },
};

static void replace(const char *from, const char *to, char ret[static LUKS_TEST_JSON])
{
	const char *at = strstr(JSON, from);

	assert_non_null(at);
	snprintf(ret, LUKS_TEST_JSON, "%.*s%s%s", (int)(at - JSON), JSON, to, at + strlen(from));
}

static enum err_code parse(const char *json, uint64_t at, struct luks_header *h, struct err *e)
{
	static uint8_t copy[LUKS_TEST_BYTES];
	int rc;

	luks_make(copy, at, json, strlen(json));
	rc = luks_header_parse((struct bytes){ copy, sizeof(copy) }, at, PARTITION, h, e);
	return rc < 0 ? (enum err_code)-rc : ERR_NONE;
}

static void judges_headers(void **state)
{
	char json[LUKS_TEST_JSON];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (uint64_t at = 0; at <= LUKS_TEST_BYTES; at += LUKS_TEST_BYTES) {
			struct luks_header h;
			struct err e = { 0 };

			replace(cases[i].from, cases[i].to, json);
			assert_code(-(int)parse(json, at, &h, &e), &e, cases[i].code, cases[i].name);
		}
}

static void says_what_is_where(void **state)
{
	struct luks_header h;
	struct err e = { 0 };

	(void)state;
	assert_code(-(int)parse(JSON, 0, &h, &e), &e, ERR_NONE, "as it is");
	assert_int_equal(h.n_bytes, LUKS_TEST_BYTES);
	assert_int_equal(h.data_at, 16777216);
	assert_int_equal(h.n_areas, 1);
	assert_int_equal(h.areas[0].at, 32768);
	assert_int_equal(h.areas[0].n_bytes, 258048);
	assert_int_equal(h.memory_kib[0], 1048576);
}

static void bounds_tokens(void **state)
{
	static const struct { size_t n; enum err_code code; } counts[] = {
		{ 32, ERR_NONE }, { 33, ERR_LUKS_HEADER }, { 100, ERR_LUKS_HEADER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		char tokens[4096] = "\"tokens\":{", json[LUKS_TEST_JSON], name[16];
		struct luks_header h;
		struct err e = { 0 };

		for (size_t t = 0; t < counts[i].n; t++)
			sprintf(tokens + strlen(tokens), "%s\"%zu\":{}", t ? "," : "", t);
		strcat(tokens, "}");
		replace("\"tokens\":{}", tokens, json);
		sprintf(name, "%zu tokens", counts[i].n);
		assert_code(-(int)parse(json, 0, &h, &e), &e, counts[i].code, name);
	}
}

static void looks_at_the_binary_part(void **state)
{
	static const struct {
		const char *name;
		size_t at, n;
		const char *bytes;
		uint64_t place;
	} changes[] = {
		{ "version 1", 7, 1, "\x01", 0 },
		{ "version 3", 7, 1, "\x03", 0 },
		{ "other magic", 0, 1, "l", 0 },
		{ "second magic first", 0, 4, "SKUL", 0 },
		{ "first magic second", 0, 4, "LUKS", LUKS_TEST_BYTES },
		{ "8 KiB", 8, 8, "\0\0\0\0\0\0\x20\0", 0 },
		{ "10 MiB", 8, 8, "\0\0\0\0\0\xa0\0\0", 0 },
		{ "8 MiB", 8, 8, "\0\0\0\0\0\x80\0\0", 0 },
		{ "17 KiB", 8, 8, "\0\0\0\0\0\0\x44\0", 0 },
		{ "32 KiB, and here are 16", 8, 8, "\0\0\0\0\0\0\x80\0", 0 },
		{ "elsewhere", 256, 8, "\0\0\0\0\0\0\x40\0", 0 },
		{ "text behind the end", LUKS_TEST_BYTES - 1, 1, "x", 0 },
	};
	static uint8_t copy[LUKS_TEST_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct bytes whole = { copy, sizeof(copy) };
		struct luks_header h;
		struct err e = { 0 };

		luks_make(copy, changes[i].place, JSON, strlen(JSON));
		memcpy(copy + changes[i].at, changes[i].bytes, changes[i].n);
		assert_code(luks_header_parse(whole, changes[i].place, PARTITION, &h, &e), &e, ERR_LUKS_HEADER,
			    changes[i].name);
	}
}

static void takes_recovery_keys_as_people_type_them(void **state)
{
#define EIGHT "cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv"
	static const struct { const char *typed; bool good; } typed[] = {
		{ EIGHT, true },
		{ "CBDEFGHI-JKLNRTUV-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv", true },
		{ "cbdefghijklnrtuvcbdefghijklnrtuvcbdefghijklnrtuvcbdefghijklnrtuv", true },
		{ " cbde fghi jklnrtuv cbdefghi\tjklnrtuv cbdefghi jklnrtuv--cbdefghi jklnrtuv ", true },
		{ "cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtu", false },
		{ EIGHT "c", false },
		{ "abdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv", false },
		{ "", false },
		{ "--------", false },
		{ "open sesame", false },
	};
	char key[RECOVERY_KEY_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(typed) / sizeof(*typed); i++) {
		if (recovery_key_normalise(typed[i].typed, key) != typed[i].good)
			fail_msg("'%s' is %s", typed[i].typed, typed[i].good ? "not taken" : "taken");
		if (typed[i].good)
			assert_string_equal(key, EIGHT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(judges_headers),
		UNIT_TEST(says_what_is_where),
		UNIT_TEST(bounds_tokens),
		UNIT_TEST(looks_at_the_binary_part),
		UNIT_TEST(takes_recovery_keys_as_people_type_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
