/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mkinitrd/pcr.h"
#include "mkinitrd/predict_extension.h"
#include "mkinitrd/stub_cmdline.h"
#include "mkinitrd/stub_cpio.h"
#include "mkinitrd/volume_key.h"

/* Values made with Python's hashlib. */
static const struct {
	const char *words[3];
	const char *sha1, *sha256;
} extended[] = {
	{ { 0 }, "0000000000000000000000000000000000000000",
	  "0000000000000000000000000000000000000000000000000000000000000000" },
	{ { "enter-initrd" }, "af811c3fa62257b3fa8688cbc27b6288a83dec00", "d15b0e8e244e65c40f024e95773f2347ce4ef3ffe6b597c9a14b50bbab6df319" },
	{ { "enter-initrd", "leave-initrd" }, "8b6e984fa1cb41ec2555a8e61dfa9f8ec8d13352", "75df9c8b17d8a6465f2862028b892ea13a3d7c37685a945e5ff34fb44956c207" },
};

static void words_extend_a_pcr(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(extended) / sizeof(*extended); i++) {
		struct pcr pcr = { .banks = 3 };
		char text[PCR_MAX_TEXT];
		struct err e = { 0 };

		for (size_t k = 0; extended[i].words[k]; k++)
			assert_code(pcr_extend_text(&pcr, extended[i].words[k], &e), &e, ERR_NONE,
				    extended[i].words[k]);
		assert_string_equal(pcr_format(&pcr, 0, text), extended[i].sha1);
		assert_string_equal(pcr_format(&pcr, 1, text), extended[i].sha256);
	}
}

/* What is not asked for stays as it is. */
static void parts_are_one_event(void **state)
{
	const struct bytes parts[] = { { (const uint8_t *)"enter-", 6 }, { NULL, 0 },
				       { (const uint8_t *)"initrd", 6 } };
	struct pcr one = { .banks = 2 }, other = one;
	struct err e = { 0 };

	(void)state;
	assert_code(pcr_extend(&one, parts, 3, &e), &e, ERR_NONE, "parts");
	assert_code(pcr_extend_text(&other, "enter-initrd", &e), &e, ERR_NONE, "text");
	assert_memory_equal(&one, &other, sizeof(one));
	assert_true(bytes_are_zero(one.value[0], sizeof(one.value[0])));
	assert_true(bytes_are_zero(one.value[2], sizeof(one.value[2])));
}

/* In the order of the merge, whatever that of the command line was, and only those of the class. */
static void extensions_in_the_order_of_init(void **state)
{
	static const char *const told[] = { "driver-10", "b", "driver-9", "it's" };
	static const char *const words[] = { "sysext:b:aa", "sysext:driver-9:aa", "sysext:driver-10:aa",
					     "sysext:it?s:aa" };
	struct predict_extensions *l = calloc(1, sizeof(*l));
	struct pcr system = { .banks = 2 }, config = system, expected = system;
	struct err e = { 0 };

	(void)state;
	assert_non_null(l);
	for (; l->n < 4; l->n++) {
		l->at[l->n].class = &extension_classes[SYSEXT];
		strcpy(l->at[l->n].name, told[l->n]);
		strcpy(l->at[l->n].root_hash, "aa");
		assert_code(pcr_extend_text(&expected, words[l->n], &e), &e, ERR_NONE, words[l->n]);
	}
	assert_code(predict_extensions(l, false, SYSEXT, &system, &e), &e, ERR_NONE, "system");
	assert_memory_equal(&system, &expected, sizeof(system));
	assert_code(predict_extensions(l, false, CONFEXT, &config, &e), &e, ERR_NONE, "configuration");
	assert_true(bytes_are_zero(config.value[1], sizeof(config.value[1])));
	free(l);
}

static const struct {
	const char *texts[3], *joined;
	bool console;
	enum err_code code;
} cmdlines[] = {
	{ { "quiet" }, "quiet", false, ERR_NONE },
	{ { "" }, "", false, ERR_NONE },
	{ { "", " \n", "a" }, "a", false, ERR_NONE },
	{ { " a\tb\n\n", "c", "" }, "a b c", false, ERR_NONE },
	{ { "a  b", " \t", "c" }, "a  b c", false, ERR_NONE },
	{ { "a\xc3\xa4" }, "", false, ERR_UNSUPPORTED },
	{ { "a\x7f" }, "", false, ERR_UNSUPPORTED },
	{ { "console=" }, "console=", true, ERR_NONE },
	{ { "a", "console=x" }, "a console=x", true, ERR_NONE },
	{ { "a b", "c\nconsole=x d" }, "a b c console=x d", true, ERR_NONE },
	{ { "console" }, "console", false, ERR_NONE },
	{ { "xconsole=x", "consoles=y" }, "xconsole=x consoles=y", false, ERR_NONE },
};

static void command_lines_are_the_stubs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cmdlines) / sizeof(*cmdlines); i++) {
		struct buffer got = { 0 };
		struct err e = { 0 };
		int rc = 0;

		for (size_t k = 0; k < 3 && cmdlines[i].texts[k] && rc == 0; k++) {
			const char *text = cmdlines[i].texts[k];

			rc = stub_cmdline_join(
				&got, (struct bytes){ (const uint8_t *)text, strlen(text) }, "it", &e);
		}
		assert_code(rc, &e, cmdlines[i].code, cmdlines[i].texts[0]);
		if (rc == 0) {
			assert_int_equal(got.n, strlen(cmdlines[i].joined));
			if (got.n)
				assert_memory_equal(got.p, cmdlines[i].joined, got.n);
			assert_int_equal(stub_cmdline_has_console(&got), cmdlines[i].console);
		}
		buffer_done(&got);
	}
}

#define UUID "51b1a7e0-c0de-4d57-9d3a-00000000001c"
#define MANY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" /* 64 bytes */

static const struct {
	const char *before; /* behind it comes the path of the file, unless key_bytes is 0 */
	size_t key_bytes;
	int rc; /* if the code is ERR_NONE */
	enum err_code code;
} volumes[] = {
	{ "root:" UUID ":", 64, 1, ERR_NONE },
	{ "root:" UUID ":", 16, 1, ERR_NONE },
	{ "root:" UUID ":", 512, 1, ERR_NONE },
	{ "root:" UUID ":", 15, 0, ERR_CONFIG },
	{ "root:" UUID ":", 513, 0, ERR_CONFIG },
	{ "root:" UUID, 0, 0, ERR_NONE },
	{ "root:" UUID ":", 0, 0, ERR_CONFIG },
	{ "root:" UUID ":/nowhere", 0, 0, ERR_SYSTEM },
	{ "root:" UUID "0:", 64, 0, ERR_CONFIG },
	{ "root:51b1a7e0-c0de-4d57-9d3a-00000000001:", 64, 0, ERR_CONFIG },
	{ "root:51B1A7E0-c0de-4d57-9d3a-00000000001c:", 64, 0, ERR_CONFIG },
	{ "root:51b1a7e00c0de-4d57-9d3a-00000000001c:", 64, 0, ERR_CONFIG },
	{ "root::", 64, 0, ERR_CONFIG },
	{ "root", 0, 0, ERR_CONFIG },
	{ ":" UUID ":", 64, 0, ERR_CONFIG },
	{ MANY MANY ":" UUID ":", 64, 0, ERR_CONFIG },
	{ "", 0, 0, ERR_CONFIG },
};

/* The key has the bytes 0, 1, 2 and so on. */
static void volume_keys_extend_a_pcr(void **state)
{
	char name[] = "/tmp/slipway-test-XXXXXX", path[64];
	uint8_t key[600];
	int fd = mkstemp(name);

	(void)state;
	assert_true(fd >= 0 && unlink(name) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(volumes) / sizeof(*volumes); i++) {
		size_t n = volumes[i].key_bytes;
		struct pcr pcr = { .banks = 3 };
		struct err e = { 0 };
		char text[400], value[PCR_MAX_TEXT];
		int rc;

		assert_int_equal(pwrite(fd, key, n, 0), n);
		assert_int_equal(ftruncate(fd, (off_t)n), 0);
		snprintf(text, sizeof(text), "%s%s", volumes[i].before, n ? path : "");
		rc = volume_key_extend(&pcr, text, &e);
		assert_code(rc < 0 ? rc : 0, &e, volumes[i].code, text);
		if (rc >= 0)
			assert_int_equal(rc, volumes[i].rc);
		assert_int_equal(bytes_are_zero(pcr.value[0], sizeof(pcr.value[0])), rc != 1);
		if (i > 0)
			continue;
		assert_string_equal(pcr_format(&pcr, 0, value), "b536e7a43b840caf7462f84d35b34caeefa9fe38");
		assert_string_equal(pcr_format(&pcr, 1, value),
				    "8af8a1c169673da168f8a3b2b3514a5118b7758ff003857ff1209d3f2733a607");
	}
	close(fd);
}

#define NONE "00000000"
#define HEADER(inode, mode, size, name) \
	"070701" inode mode NONE NONE "00000001" NONE size NONE NONE NONE NONE name NONE
#define TRAILER \
	"070701" NONE NONE NONE NONE "00000001" NONE NONE NONE NONE NONE NONE "0000000B" NONE \
	"TRAILER!!!\0\0\0\0"

static void archive_is_the_stubs(void **state)
{
	static const char expected[] =
		HEADER("00000001", "0000416d", NONE, "00000007") ".extra\0\0\0\0"
		HEADER("00000002", "00004140", NONE, "00000013") ".extra/credentials\0\0\0\0"
		HEADER("00000003", "00008100", "00000003", "0000001a") ".extra/credentials/B.cred\0"
		"two\0"
		HEADER("00000004", "00008100", "00000004", "0000001a") ".extra/credentials/a.cred\0"
		"four" TRAILER;
	struct stub_file files[] = { { "a.cred", { (const uint8_t *)"four", 4 } },
				     { "B.cred", { (const uint8_t *)"two", 3 } } };
	struct buffer got = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_code(stub_cpio_folder(STUB_CREDENTIALS, files, 2, &got, &e), &e, ERR_NONE, "two");
	assert_int_equal(got.n, sizeof(expected) - 1);
	assert_memory_equal(got.p, expected, got.n);
	buffer_done(&got);
	assert_code(stub_cpio_folder(STUB_SYSEXT, NULL, 0, &got, &e), &e, ERR_NONE, "none");
	assert_int_equal(got.n, 0);
	buffer_done(&got);
}

static void single_file_is_the_stubs(void **state)
{
	static const char expected[] =
		HEADER("00000001", "0000416d", NONE, "00000007") ".extra\0\0\0\0"
		HEADER("00000002", "00008124", "00000005", "00000012") ".extra/os-release\0"
		"ID=x\n\0\0\0" TRAILER;
	struct buffer got = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_code(stub_cpio_file("os-release", (struct bytes){ (const uint8_t *)"ID=x\n", 5 }, &got,
				   &e),
		    &e, ERR_NONE, "file");
	assert_int_equal(got.n, sizeof(expected) - 1);
	assert_memory_equal(got.p, expected, got.n);
	buffer_done(&got);
}

static const struct {
	enum stub_folder folder;
	const char *names[2];
	enum err_code code;
} names[] = {
	{ STUB_SYSEXT, { "a.raw" }, ERR_NONE },
	{ STUB_SYSEXT, { "a.sysext.RAW", "b.raw" }, ERR_NONE },
	{ STUB_SYSEXT, { "a.confext.raw" }, ERR_CONFIG },
	{ STUB_SYSEXT, { "a.img" }, ERR_CONFIG },
	{ STUB_SYSEXT, { ".a.raw" }, ERR_CONFIG },
	{ STUB_SYSEXT, { "\xc3\xa4.raw" }, ERR_CONFIG },
	{ STUB_SYSEXT, { "a.raw", "a.raw" }, ERR_CONFIG },
	{ STUB_CONFEXT, { "a.confext.raw" }, ERR_NONE },
	{ STUB_CONFEXT, { "a.raw" }, ERR_CONFIG },
	{ STUB_GLOBAL_SYSEXT, { "a.raw" }, ERR_NONE },
	{ STUB_GLOBAL_SYSEXT, { "a.confext.raw" }, ERR_CONFIG },
	{ STUB_GLOBAL_CONFEXT, { "a.confext.raw" }, ERR_NONE },
	{ STUB_GLOBAL_CONFEXT, { "a.raw" }, ERR_CONFIG },
	{ STUB_CREDENTIALS, { "a.cred", "" }, ERR_CONFIG },
	{ STUB_GLOBAL_CREDENTIALS, { "a.cred", "a.cred~" }, ERR_CONFIG },
};

static void names_that_a_stub_would_skip_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct stub_file files[2] = { { names[i].names[0], { 0 } }, { names[i].names[1], { 0 } } };
		struct buffer got = { 0 };
		struct err e = { 0 };

		assert_code(stub_cpio_folder(names[i].folder, files, names[i].names[1] ? 2 : 1, &got, &e),
			    &e, names[i].code, names[i].names[0]);
		buffer_done(&got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(words_extend_a_pcr), UNIT_TEST(parts_are_one_event),
		UNIT_TEST(extensions_in_the_order_of_init),
		UNIT_TEST(command_lines_are_the_stubs), UNIT_TEST(volume_keys_extend_a_pcr),
		UNIT_TEST(archive_is_the_stubs), UNIT_TEST(single_file_is_the_stubs),
		UNIT_TEST(names_that_a_stub_would_skip_are_refused),
	};

	return cmocka_run_group_tests_name("predict", tests, NULL, NULL);
}
