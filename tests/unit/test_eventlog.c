/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <sys/file.h>

#include "modules/tpm/eventlog.h"
#include "modules/tpm/logfile.h"
#include "tests/unit/tree.h"

#define BOOT_ID "0123456789abcdef0123456789abcdef"
#define CONTENT(text, time, type)                                              \
	"],\"content_type\":\"systemd\",\"content\":{\"string\":\"" text "\",\"bootId\":\"" BOOT_ID \
	"\",\"timestamp\":" time ",\"eventType\":\"" type "\"}}\n"

static const struct {
	const char *name;
	struct measurement m;
	const char *type;
	uint64_t time_us;
	const char *expected;
} cases[] = {
	{ "phase", { .pcr = 11, .text = "enter-initrd", .n_digests = 1,
	  .digests = { { "sha256", 4, { 0x51, 0xe6, 0xb9, 0x2f } } } }, "phase",
	  1234567, "\x1e{\"pcr\":11,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"51e6b92f\"}"
	  CONTENT("enter-initrd", "1234567", "phase") },
	{ "two banks, late", { .pcr = 0, .text = "os-separator", .n_digests = 2,
	  .digests = { { "sha1", 2, { 0x0a, 0xff } }, { "sha384", 1, { 0 } } } }, "os-separator",
	  0x7fffffffffffffff, "\x1e{\"pcr\":0,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":\"0aff\"},"
	  "{\"hashAlg\":\"sha384\",\"digest\":\"00\"}"
	  CONTENT("os-separator", "9223372036854775807", "os-separator") },
	/* A slash is no reason to escape: the text is read back by plain tools too. */
	{ "slash and quote", { .pcr = 9, .text = "a/b\"c" }, "t", 0,
	  "\x1e{\"pcr\":9,\"digests\":[" CONTENT("a/b\\\"c", "0", "t") },
	{ "index", { .nv_index = 0x1d10202, .nvpcr = "verity", .text = "v", .n_digests = 1,
	  .digests = { { "sha256", 1, { 7 } } } }, "dm-verity", 0,
	  "\x1e{\"nv_index\":30474754,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"07\"}"
	  "],\"content_type\":\"systemd\",\"content\":{\"nvIndexName\":\"verity\",\"string\":\"v\",\"bootId\":\""
	  BOOT_ID "\",\"timestamp\":0,\"eventType\":\"dm-verity\"}}\n" },
};

static void format(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t n = 0;
		char *got = eventlog_format(&cases[i].m, cases[i].type, BOOT_ID, cases[i].time_us, &n);

		if (!got || n != strlen(cases[i].expected) || strcmp(got, cases[i].expected) != 0)
			fail_msg("case '%s': got '%s'", cases[i].name, got ? got : "(nothing)");
		free(got);
	}
}

/* The longest text and all banks: every record is one JSON text. */
static void format_largest(void **state)
{
	struct measurement m = { .pcr = 23, .n_digests = TPM_MAX_BANKS };
	struct json_object *o;
	size_t n = 0;
	char *got;

	(void)state;
	memset(m.text, 'x', TPM_MAX_TEXT_BYTES - 1);
	for (size_t i = 0; i < TPM_MAX_BANKS; i++)
		m.digests[i] = (struct tpm_digest){ .bank = "sha512", .n_bytes = TPM_MAX_DIGEST_BYTES };
	got = eventlog_format(&m, "phase", BOOT_ID, 1, &n);
	assert_non_null(got);
	o = json_tokener_parse(got + 1);
	assert_non_null(o);
	assert_int_equal(json_object_array_length(json_object_object_get(o, "digests")), TPM_MAX_BANKS);
	json_object_put(o);
	free(got);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void add_record(const char *path, const char *record, mode_t while_open)
{
	struct logfile f = LOGFILE_CLOSED;
	struct err e;

	assert_code(logfile_begin(&f, path, &e), &e, ERR_NONE, record);
	assert_int_equal(mode_of(path), while_open);
	assert_code(logfile_append(&f, record, strlen(record), &e), &e, ERR_NONE, record);
	logfile_close(&f);
}

static void file_is_marked_while_behind(void **state)
{
	static const char *const nothing[] = { "l link log", NULL };
	struct logfile f = LOGFILE_CLOSED;
	char root[32], path[64], link[64], text[64];
	struct err e;

	(void)state;
	tree_make(nothing, root);
	snprintf(path, sizeof(path), "%s/log", root);
	snprintf(link, sizeof(link), "%s/link", root);
	add_record(path, "one,", 01600);
	assert_int_equal(mode_of(path), 0600);
	/* Crashed between extend and record: the mark stays for good. */
	assert_code(logfile_begin(&f, path, &e), &e, ERR_NONE, "crash");
	logfile_close(&f);
	assert_int_equal(mode_of(path), 01600);
	add_record(path, "two", 01600);
	assert_int_equal(mode_of(path), 01600);
	assert_int_equal(file_read_text(path, text, sizeof(text)), 7);
	assert_string_equal(text, "one,two");
	assert_code(logfile_begin(&f, link, &e), &e, ERR_SYSTEM, "link");
	assert_code(logfile_begin(&f, "/nonexistent/log", &e), &e, ERR_SYSTEM, "no folder");
	tree_remove(root);
}

/* Others wait until the record is there, so that records stand in the order of extends. */
static void file_is_locked_while_behind(void **state)
{
	static const char *const nothing[] = { NULL };
	struct logfile f = LOGFILE_CLOSED;
	char root[32], path[64];
	struct err e;
	int other;

	(void)state;
	tree_make(nothing, root);
	snprintf(path, sizeof(path), "%s/log", root);
	assert_code(logfile_begin(&f, path, &e), &e, ERR_NONE, "begin");
	other = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	assert_code(logfile_append(&f, "one", 3, &e), &e, ERR_NONE, "append");
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	logfile_close(&f);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	close(other);
	tree_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(format), UNIT_TEST(format_largest), UNIT_TEST(file_is_marked_while_behind),
		UNIT_TEST(file_is_locked_while_behind),
	};

	return cmocka_run_group_tests_name("eventlog", tests, NULL, NULL);
}
