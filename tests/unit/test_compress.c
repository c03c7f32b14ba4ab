/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "mkinitrd/compress.h"
#include "mkinitrd/decompress.h"

enum { MIB = 1 << 20 };

static const struct {
	const char *text;
	enum err_code code;
	struct compression expected;
} parse_cases[] = {
	{ "none", ERR_NONE, { COMPRESSION_NONE, 0 } },
	{ "zstd", ERR_NONE, { COMPRESSION_ZSTD, 12 } },
	{ COMPRESSION_DEFAULT, ERR_NONE, { COMPRESSION_ZSTD, 12 } },
	{ "zstd:1", ERR_NONE, { COMPRESSION_ZSTD, 1 } },
	{ "zstd:22", ERR_NONE, { COMPRESSION_ZSTD, 22 } },
	{ "lz4", ERR_NONE, { COMPRESSION_LZ4, 9 } },
	{ "lz4:12", ERR_NONE, { COMPRESSION_LZ4, 12 } },
	{ "zstd:23", ERR_CONFIG, { 0 } },
	{ "zstd:0", ERR_CONFIG, { 0 } },
	{ "zstd:-1", ERR_CONFIG, { 0 } },
	{ "zstd:", ERR_CONFIG, { 0 } },
	{ "zstd:9x", ERR_CONFIG, { 0 } },
	{ "zstd: 9", ERR_CONFIG, { 0 } },
	{ "zstd:4294967297", ERR_CONFIG, { 0 } },
	{ "lz4:13", ERR_CONFIG, { 0 } },
	{ "none:1", ERR_CONFIG, { 0 } },
	{ "zst", ERR_CONFIG, { 0 } },
	{ "gzip", ERR_CONFIG, { 0 } },
	{ "", ERR_CONFIG, { 0 } },
};

static void words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parse_cases) / sizeof(*parse_cases); i++) {
		struct compression c = { 0 };
		struct err e = { 0 };

		assert_code(compression_parse(parse_cases[i].text, &c, &e), &e, parse_cases[i].code,
			    parse_cases[i].text);
		assert_memory_equal(&c, &parse_cases[i].expected, sizeof(c));
	}
}

/* Half of it repeats, near and far, as programs do. */
static uint8_t *make(size_t n)
{
	uint8_t *p = malloc(n + 1);
	uint32_t seed = 1;

	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = i >= 5000 && seed >> 31 ? p[i - 5000 + (seed >> 29 & 3)] : (uint8_t)(seed >> 27);
	}
	return p;
}

static void threads_do_not_matter(void **state)
{
	static const unsigned threads[] = { 1, 2, 5 };
	static const int levels[] = { 1, 12 };
	const size_t n = 7 * MIB + 12345;
	uint8_t *in = make(n);

	(void)state;
	for (size_t l = 0; l < sizeof(levels) / sizeof(*levels); l++) {
		struct compression c = { COMPRESSION_ZSTD, levels[l] };
		char *first = NULL;
		size_t n_first = 0;

		for (size_t i = 0; i < sizeof(threads) / sizeof(*threads); i++) {
			struct err e = { 0 };
			char *out = NULL;
			size_t n_out = 0;

			assert_code(compress(&c, in, n, threads[i], &out, &n_out, &e), &e, ERR_NONE,
				    "threads");
			if (!first) {
				first = out;
				n_first = n_out;
				continue;
			}
			assert_int_equal(n_out, n_first);
			assert_memory_equal(out, first, n_out);
			free(out);
		}
		free(first);
	}
	free(in);
}

static const struct {
	const char *name, *compression;
	size_t n;
} round_cases[] = {
	{ "zstd of nothing", "zstd:3", 0 },
	{ "zstd of a byte", "zstd:3", 1 },
	{ "zstd of several jobs", "zstd:3", 5 * MIB + 1 },
	{ "lz4 of a byte", "lz4:1", 1 },
	{ "lz4 of a block", "lz4:1", 8 * MIB },
	{ "lz4 of a block and a byte", "lz4:1", 8 * MIB + 1 },
	{ "lz4 of three blocks", "lz4:1", 17 * MIB },
};

/* Behind the part is something else; a byte less of room must be noticed. */
static void there_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(round_cases) / sizeof(*round_cases); i++) {
		const char *name = round_cases[i].name;
		size_t n = round_cases[i].n, n_packed = 0, n_out = 0, used = 0;
		uint8_t *in = make(n);
		struct compression c;
		struct err e = { 0 };
		char *packed = NULL, *out = NULL;

		assert_int_equal(compression_parse(round_cases[i].compression, &c, &e), 0);
		assert_code(compress(&c, in, n, 2, &packed, &n_packed, &e), &e, ERR_NONE, name);
		packed = realloc(packed, n_packed + 8);
		memcpy(packed + n_packed, "\0\0\0\0rest", 8);
		struct bytes b = { (const uint8_t *)packed, n_packed + 8 };

		assert_code(decompress_part(b, n + 1, &out, &n_out, &used, &e), &e, ERR_NONE, name);
		if (n_out != n || used != n_packed || (n && memcmp(out, in, n) != 0))
			fail_msg("case '%s': %zu bytes of %zu used, %zu unpacked", name, used, n_packed,
				 n_out);
		free(out);
		if (n)
			assert_code(decompress_part(b, n - 1, &out, &n_out, &used, &e), &e, ERR_CONFIG,
				    name);
		b.n = n_packed - 1;
		assert_code(decompress_part(b, n + 1, &out, &n_out, &used, &e), &e, ERR_CONFIG, name);
		free(packed);
		free(in);
	}
}

#define BYTES(text) { (const uint8_t *)(text), sizeof(text) - 1 }

static const struct {
	const char *name;
	struct bytes bytes;
	enum err_code code;
} refused_cases[] = {
	{ "nothing", BYTES(""), ERR_CONFIG },
	{ "text", BYTES("hello, world"), ERR_CONFIG },
	{ "gzip", BYTES("\x1f\x8b\x08"), ERR_UNSUPPORTED },
	{ "xz", BYTES("\xfd" "7zXZ"), ERR_UNSUPPORTED },
	{ "lz4, frames of another kind", BYTES("\x04\x22\x4d\x18"), ERR_UNSUPPORTED },
	{ "zstd, only the magic", BYTES("\x28\xb5\x2f\xfd"), ERR_CONFIG },
	{ "zstd with a window of a gigabyte", BYTES("\x28\xb5\x2f\xfd\0\xa0\x01\0\0"), ERR_CONFIG },
	{ "lz4, block larger than any", BYTES("\x02\x21\x4c\x18\xff\xff\xff\xff" "data"), ERR_CONFIG },
	{ "lz4, block that is none", BYTES("\x02\x21\x4c\x18\4\0\0\0\xff\xff\xff\xff"), ERR_CONFIG },
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused_cases) / sizeof(*refused_cases); i++) {
		size_t n = 0, used = 0;
		struct err e = { 0 };
		char *out = NULL;

		assert_code(decompress_part(refused_cases[i].bytes, MIB, &out, &n, &used, &e), &e,
			    refused_cases[i].code, refused_cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(words), UNIT_TEST(threads_do_not_matter), UNIT_TEST(there_and_back),
		UNIT_TEST(refuses),
	};

	return cmocka_run_group_tests_name("compress", tests, NULL, NULL);
}
