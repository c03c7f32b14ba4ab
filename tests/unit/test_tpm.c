/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Against swtpm, over a socket pair, and against a TPM that answers what it is told to. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

#include "init/core/bytes.h"
#include "init/core/clock.h"
#include "tests/unit/emulator.h"

/* PCR 11 after enter-initrd and leave-initrd, computed with Python's hashlib. */
static const struct { const char *bank, *entered, *left; } expected[] = {
	{ "sha1",
	  "af811c3fa62257b3fa8688cbc27b6288a83dec00",
	  "8b6e984fa1cb41ec2555a8e61dfa9f8ec8d13352" },
	{ "sha256",
	  "d15b0e8e244e65c40f024e95773f2347ce4ef3ffe6b597c9a14b50bbab6df319",
	  "75df9c8b17d8a6465f2862028b892ea13a3d7c37685a945e5ff34fb44956c207" },
	{ "sha384",
	  "3e72b3242327ec625b5c3fec3ae2c26a85cb400f62145a2751f40dbb740929d1"
	  "4104d3a87c0ec59deac6f732b7933b3d",
	  "60bd474a57618d37a245b84b0244514ea9c29f95eebacda668fab63ca0112dc4"
	  "5585324be9e889d575fff6a14af3c581" },
	{ "sha512",
	  "4791b04bdcd48d878b8b189f93f75daf3451a0b24a2b0464afcacc7eddb44eb5"
	  "add261abfa8660f21f6c419b6829897dfcda216095671c46ba4a5b6f55a54463",
	  "0b434d7c6f51382a73920bdec9b1ed899f44fcfa27395c375ecad35259cc6635"
	  "41fe0ab9f6583e8622d20f1ca1874fc8770686daa41dcd927d74a429c9411587" },
};

static void check_pcr(struct tpm *t, bool left)
{
	struct measurement m;
	char hex[2 * TPM_MAX_DIGEST_BYTES + 1];
	struct err e;

	assert_code(tpm_read(t, 11, &m, &e), &e, ERR_NONE, "read");
	assert_int_equal(m.n_digests, 4);
	for (size_t i = 0; i < m.n_digests; i++) {
		assert_string_equal(m.digests[i].bank, expected[i].bank);
		hex_encode(m.digests[i].bytes, m.digests[i].n_bytes, hex);
		assert_string_equal(hex, left ? expected[i].left : expected[i].entered);
	}
}

/* The record at *at, and *at behind it. */
static void check_record(const char **at, const char *text, unsigned n_digests)
{
	const char *end = strchr(*at, '\n');
	struct json_object *o, *content;

	assert_int_equal((*at)[0], 0x1e);
	assert_non_null(end);
	o = json_tokener_parse(*at + 1);
	assert_non_null(o);
	content = json_object_object_get(o, "content");
	assert_int_equal(json_object_get_int(json_object_object_get(o, "pcr")), 11);
	assert_int_equal(json_object_array_length(json_object_object_get(o, "digests")), n_digests);
	assert_string_equal(json_object_get_string(json_object_object_get(content, "string")), text);
	assert_int_equal(json_object_get_string_len(json_object_object_get(content, "bootId")), 32);
	json_object_put(o);
	*at = end + 1;
}

static void measures_and_logs(void **state)
{
	struct emulator em;
	struct measurement m;
	struct tpm *t;
	struct stat st;
	struct err e;
	char log[8192];
	const char *at = log;
	uint64_t before_us = now_us();

	(void)state;
	if (!emulator_start(&em))
		skip();
	t = connect_to(&em, ALL_BANKS);
	assert_code(tpm_measure(t, 11, "enter-initrd", "phase", &m, &e), &e, ERR_NONE, "enter");
	assert_int_equal(m.n_digests, 4);
	assert_string_equal(m.text, "enter-initrd");
	assert_in_range(m.start_us, before_us, now_us());
	assert_in_range(m.duration_us, 1, now_us() - m.start_us);
	check_pcr(t, false);
	assert_code(tpm_measure(t, 11, "leave-initrd", "phase", &m, &e), &e, ERR_NONE, "leave");
	check_pcr(t, true);
	assert_true(file_read_text(em.log, log, sizeof(log)) > 0);
	strcat(log, "\n"); /* cut with the white space */
	check_record(&at, "enter-initrd", 4);
	check_record(&at, "leave-initrd", 4);
	assert_string_equal(at, "");
	assert_int_equal(stat(em.log, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	tpm_close(t);
	emulator_stop(&em);
}

static void finds_the_banks_in_use(void **state)
{
	struct emulator em;
	struct measurement m;
	struct tpm *t;
	struct err e;

	(void)state;
	if (!emulator_start(&em))
		skip();
	/* Nothing was measured yet: all of them. */
	t = connect_to(&em, 0);
	assert_code(tpm_read(t, 11, &m, &e), &e, ERR_NONE, "all");
	assert_int_equal(m.n_digests, 4);
	tpm_close(t);
	t = connect_to(&em, TPM_BANK_SHA256 | TPM_BANK_SHA512);
	assert_code(tpm_measure(t, 11, "as the firmware does", "phase", &m, &e), &e, ERR_NONE, "two");
	assert_int_equal(m.n_digests, 2);
	tpm_close(t);
	t = connect_to(&em, UINT32_MAX);
	assert_code(tpm_read(t, 11, &m, &e), &e, ERR_NONE, "found");
	assert_int_equal(m.n_digests, 2);
	assert_string_equal(m.digests[0].bank, "sha256");
	assert_string_equal(m.digests[1].bank, "sha512");
	tpm_close(t);
	/* SM3 (16) is a bank that we cannot hash for. */
	t = connect_to(&em, TPM_BANK_SHA256 | 16);
	assert_code(tpm_read(t, 11, &m, &e), &e, ERR_NONE, "known");
	assert_int_equal(m.n_digests, 1);
	tpm_close(t);
	emulator_stop(&em);
}

static void refuses_what_the_log_cannot_show(void **state)
{
	static const struct { const char *name; unsigned pcr; const char *text; } cases[] = {
		{ "no such PCR", 24, "x" }, { "quote", 11, "a\"b" }, { "backslash", 11, "a\\b" },
		{ "control", 11, "a\nb" }, { "not ASCII", 11, "\xc3\xa4" }, { "too long", 11, NULL },
	};
	char longest[TPM_MAX_TEXT_BYTES + 1] = "";
	struct emulator em;
	struct measurement m, before, after;
	struct tpm *t;
	struct err e;

	(void)state;
	if (!emulator_start(&em))
		skip();
	memset(longest, 'x', TPM_MAX_TEXT_BYTES);
	t = connect_to(&em, TPM_BANK_SHA256);
	assert_code(tpm_read(t, 11, &before, &e), &e, ERR_NONE, "before");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_code(tpm_measure(t, cases[i].pcr, cases[i].text ? cases[i].text : longest, "phase",
					&m, &e), &e, ERR_TPM_FAILED, cases[i].name);
	assert_code(tpm_read(t, 11, &after, &e), &e, ERR_NONE, "after");
	assert_memory_equal(before.digests[0].bytes, after.digests[0].bytes, 32);
	longest[TPM_MAX_TEXT_BYTES - 1] = '\0';
	assert_code(tpm_measure(t, 11, longest, "phase", &m, &e), &e, ERR_NONE, "longest");
	tpm_close(t);
	emulator_stop(&em);
}

/* A log that cannot be written does not stop the measuring. */
static void extend_counts_without_log(void **state)
{
	struct emulator em;
	struct measurement m;
	struct tpm *t;
	struct err e;

	(void)state;
	if (!emulator_start(&em))
		skip();
	snprintf(em.log, sizeof(em.log), "/proc/nonexistent/log");
	t = connect_to(&em, ALL_BANKS);
	assert_code(tpm_measure(t, 11, "enter-initrd", "phase", &m, &e), &e, ERR_NONE, "no log");
	check_pcr(t, false);
	tpm_close(t);
	emulator_stop(&em);
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* A log that could not even be opened has no mark of that: the next record makes it, in this
 * connection and in the next one of the same boot. */
static void missing_record_is_not_forgotten(void **state)
{
	struct emulator em;
	struct measurement m;
	struct tpm *t;
	struct err e;
	char folder[64];

	(void)state;
	if (!emulator_start(&em))
		skip();
	snprintf(folder, sizeof(folder), "%s/run/log", em.root);
	t = connect_to(&em, ALL_BANKS);
	assert_false(tpm_log_is_incomplete(t));
	assert_int_equal(rmdir(folder), 0);
	assert_code(tpm_measure(t, 11, "enter-initrd", "phase", &m, &e), &e, ERR_NONE, "no log");
	assert_true(tpm_log_is_incomplete(t));
	assert_int_equal(mkdir(folder, 0755), 0);
	for (int i = 0; i < 2; i++) {
		assert_code(tpm_measure(t, 11, "leave-initrd", "phase", &m, &e), &e, ERR_NONE, "log");
		assert_int_equal(mode_of(em.log), 01600);
	}
	tpm_close(t);
	for (int marked = 0; marked < 2; marked++) {
		assert_int_equal(unlink(em.log), 0);
		t = connect_to(&em, ALL_BANKS);
		if (marked)
			tpm_log_was_incomplete(t);
		assert_int_equal(tpm_log_is_incomplete(t), marked);
		assert_code(tpm_measure(t, 11, "later", "phase", &m, &e), &e, ERR_NONE, "later");
		assert_int_equal(mode_of(em.log), marked ? 01600 : 0600);
		tpm_close(t);
	}
	emulator_stop(&em);
}

/* The TPM is off between two commands. */
static void resets_are_noticed(void **state)
{
	static const struct { const char *name, *flags; enum err_code measure, check; const char *says; }
	cases[] = {
		{ "none", NULL, ERR_NONE, ERR_NONE, "" },
		{ "started again", "not-need-init,startup-clear", ERR_NONE, ERR_TPM_FAILED,
		  "was reset in the middle of the boot" },
		{ "not started", "not-need-init", ERR_TPM_FAILED, ERR_TPM_FAILED,
		  "the firmware has not started it" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct emulator em;
		struct measurement m;
		struct err e = { 0 };
		struct tpm *t;

		if (!emulator_start(&em))
			skip();
		t = connect_to(&em, TPM_BANK_SHA256);
		assert_code(tpm_measure(t, 11, "enter-initrd", "phase", &m, &e), &e, ERR_NONE, "enter");
		if (cases[i].flags) {
			emulator_power_off(&em);
			emulator_power_on(&em, cases[i].flags);
		}
		assert_code(tpm_measure(t, 11, "leave-initrd", "phase", &m, &e), &e, cases[i].measure,
			    cases[i].name);
		assert_code(tpm_check_starts(t, &e), &e, cases[i].check, cases[i].name);
		if (!strstr(e.what, cases[i].says))
			fail_msg("case '%s' says '%s'", cases[i].name, e.what);
		tpm_close(t);
		emulator_stop(&em);
	}
}

/* Of two banks the firmware measured into one. The other is of no use to anybody then. */
static void closes_banks_that_are_not_used(void **state)
{
	static const struct { const char *name; uint32_t banks; } cases[] = {
		{ "found", 0 }, { "given", TPM_BANK_SHA256 },
	};
	static const char *const others[] = { "sha1", "sha384", "sha512" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct measurement m, before, after;
		struct emulator em;
		struct tpm *t;
		struct err e;

		if (!emulator_start(&em))
			skip();
		t = connect_to(&em, TPM_BANK_SHA256);
		assert_code(tpm_measure(t, 11, "as a stub does", "phase", &m, &e), &e, ERR_NONE, "stub");
		tpm_close(t);
		t = connect_to(&em, cases[i].banks);
		assert_code(tpm_read(t, 11, &before, &e), &e, ERR_NONE, "before");
		assert_int_equal(before.n_digests, 1);
		assert_string_equal(tpm_bank(t, true, 0), "sha256");
		assert_null(tpm_bank(t, true, 1));
		for (size_t k = 0; k < 3; k++)
			assert_string_equal(tpm_bank(t, false, k), others[k]);
		assert_null(tpm_bank(t, false, 3));
		assert_code(tpm_close_unused(t, 11, "os-separator", &e), &e, ERR_NONE, cases[i].name);
		assert_code(tpm_read(t, 11, &after, &e), &e, ERR_NONE, "after");
		assert_memory_equal(before.digests[0].bytes, after.digests[0].bytes, 32);
		tpm_close(t);
		t = connect_to(&em, ALL_BANKS);
		assert_code(tpm_close_unused(t, 11, "os-separator", &e), &e, ERR_NONE, "nothing to do");
		assert_code(tpm_read(t, 11, &after, &e), &e, ERR_NONE, "all");
		for (size_t k = 0; k < 4; k++)
			assert_false(bytes_are_zero(after.digests[k].bytes, after.digests[k].n_bytes));
		tpm_close(t);
		emulator_stop(&em);
	}
}

/* A file system that takes a part of the record: the PCR counts, the log stays readable and
 * says that it is not whole, also when there is room again. */
static void log_on_a_full_file_system(void **state)
{
	struct rlimit old, full;
	struct emulator em;
	struct measurement m;
	struct tpm *t;
	struct stat st;
	struct err e;
	char log[8192];
	const char *at = log;

	(void)state;
	if (!emulator_start(&em))
		skip();
	t = connect_to(&em, ALL_BANKS);
	assert_code(tpm_measure(t, 11, "enter-initrd", "phase", &m, &e), &e, ERR_NONE, "enter");
	assert_int_equal(stat(em.log, &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	full = (struct rlimit){ .rlim_cur = (rlim_t)st.st_size + 20, .rlim_max = old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	assert_code(tpm_measure(t, 11, "leave-initrd", "phase", &m, &e), &e, ERR_NONE, "full");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	check_pcr(t, true);
	assert_code(tpm_measure(t, 11, "later", "phase", &m, &e), &e, ERR_NONE, "room again");
	assert_int_equal(stat(em.log, &st), 0);
	assert_int_equal(st.st_mode & 07777, 01600);
	assert_true(file_read_text(em.log, log, sizeof(log)) > 0);
	strcat(log, "\n"); /* cut with the white space */
	check_record(&at, "enter-initrd", 4);
	check_record(&at, "later", 4);
	assert_string_equal(at, "");
	tpm_close(t);
	emulator_stop(&em);
}

#define ANSWER(rc) BYTES("\x80\x01\0\0\0\x0a" rc)
/* GetCapability: sha1 has no PCRs, sha256 has all, sha384 lacks one. */
#define BANKS BYTES("\x80\x01\0\0\0\x25\0\0\0\0" "\0\0\0\0\x05\0\0\0\x03" \
		    "\0\x04\x03\0\0\0" "\0\x0b\x03\xff\xff\xff" "\0\x0c\x03\xff\xff\x7f")

static const struct {
	const char *name;
	uint32_t banks;
	struct bytes first, then; /* answers to the first command and to all that follow */
	enum err_code open, measure;
	const char *says; /* in the failure */
	unsigned n_sent;
} faults[] = {
	{ "dead", TPM_BANK_SHA256, { 0 }, { 0 }, ERR_TPM_FAILED, ERR_NONE, "its device", 1 },
	{ "not started", TPM_BANK_SHA256, ANSWER("\0\0\x01\x00"), { 0 }, ERR_TPM_FAILED, ERR_NONE,
	  "the firmware has not started it", 1 },
	{ "failure mode", TPM_BANK_SHA256, ANSWER("\0\0\x01\x01"), { 0 }, ERR_TPM_FAILED, ERR_NONE,
	  "self-test", 1 },
	{ "cut answer", TPM_BANK_SHA256, BYTES("\x80\x01\0\0"), { 0 }, ERR_TPM_FAILED, ERR_NONE, "", 1 },
	{ "absurd count", TPM_BANK_SHA256,
	  BYTES("\x80\x01\0\0\0\x13\0\0\0\0" "\0\0\0\0\x05\xff\xff\xff\xff"), { 0 }, ERR_TPM_FAILED,
	  ERR_NONE, "", 1 },
	/* The library sends it five times. */
	{ "busy for ever", TPM_BANK_SHA256, ANSWER("\0\0\x09\x22"), { 0 }, ERR_TPM_FAILED, ERR_NONE,
	  "it stayed busy", 5 },
	{ "no sha1", TPM_BANK_SHA1, BANKS, { 0 }, ERR_TPM_FAILED, ERR_NONE, "'sha1'", 1 },
	{ "sha384 in part", TPM_BANK_SHA256 | TPM_BANK_SHA384, BANKS, { 0 }, ERR_TPM_FAILED, ERR_NONE,
	  "'sha384'", 1 },
	{ "unknown alone", 16, BANKS, { 0 }, ERR_TPM_FAILED, ERR_NONE, "no PCR bank", 1 },
	{ "locked out", TPM_BANK_SHA256, BANKS, ANSWER("\0\0\x09\x21"), ERR_NONE, ERR_TPM_FAILED,
	  "locked out after wrong passwords and recovers in its own time", 3 },
	{ "busy at the extend", TPM_BANK_SHA256, BANKS, ANSWER("\0\0\x09\x08"), ERR_NONE, ERR_TPM_FAILED,
	  "it stayed busy", 6 },
};

static void faults_have_their_words(void **state)
{
	static const char *const nothing[] = { NULL };

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		unsigned n_sent = 0;
		struct wire w = { .fd = -1, .answer = faults[i].first, .after = faults[i].then,
				  .n_sent = &n_sent };
		char root[32], log[64];
		struct measurement m;
		struct tpm *t = NULL;
		struct stat st;
		struct err e = { 0 };
		int rc;

		tree_make(nothing, root);
		snprintf(log, sizeof(log), "%s/log", root);
		rc = tpm_open_tcti(wire_new(&w), faults[i].banks, 11, log, &t, &e);
		assert_code(rc, &e, faults[i].open, faults[i].name);
		if (rc == 0) {
			rc = tpm_measure(t, 11, "enter-initrd", "phase", &m, &e);
			assert_code(rc, &e, faults[i].measure, faults[i].name);
			/* Whether the PCR was extended is unknown, and the log says so. */
			assert_int_equal(stat(log, &st), 0);
			assert_int_equal(st.st_mode & 07777, 01600);
			assert_int_equal(st.st_size, 0);
		}
		if (!strstr(e.what, faults[i].says))
			fail_msg("case '%s' says '%s'", faults[i].name, e.what);
		if (n_sent != faults[i].n_sent)
			fail_msg("case '%s': %u commands", faults[i].name, n_sent);
		tpm_close(t);
		tree_remove(root);
	}
}

static void no_device(void **state)
{
	struct tpm *t = NULL;
	struct err e;

	(void)state;
	assert_code(tpm_open("/nonexistent/tpmrm0", 0, 11, "/tmp/log", &t, &e), &e, ERR_TPM_FAILED,
		    "no device");
	assert_code(tpm_open("/dev/null", 0, 11, "/tmp/log", &t, &e), &e, ERR_TPM_FAILED, "no TPM");
}

/* A terminal stands for the device: it ignores the first probe, answers the second and
 * fails the next command. */
static void *answer_late(void *arg)
{
	static const uint8_t answers[][20] = {
		{ 0x80, 0x01, 0, 0, 0, 20 },
		{ 0x80, 0x01, 0, 0, 0, 10, 0, 0, 1, 1 }, /* TPM_RC_FAILURE */
	};
	int fd = *(int *)arg;
	uint8_t command[64];

	for (size_t n = 0; n < 24;) {
		ssize_t got = read(fd, command, 24 - n);

		if (got <= 0)
			return NULL;
		n += (size_t)got;
	}
	if (write(fd, answers[0], 20) == 20 && read(fd, command, sizeof(command)) > 0)
		(void)!write(fd, answers[1], 10);
	return NULL;
}

static void waits_for_a_slow_device(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct termios raw = { .c_cflag = CS8 | CREAD };
	struct tpm *t = NULL;
	pthread_t thread;
	struct err e;

	(void)state;
	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY); /* open until the end: no hang-up */
	assert_true(slave >= 0 && tcsetattr(slave, TCSANOW, &raw) == 0);
	assert_int_equal(pthread_create(&thread, NULL, answer_late, &master), 0);
	assert_int_equal(tpm_open(ptsname(master), 0, 11, "/nowhere/log", &t, &e), -ERR_TPM_FAILED);
	assert_string_equal(e.what, "the TPM cannot list its PCR banks: it failed its self-test "
				    "(0x00000101)");
	pthread_join(thread, NULL);
	close(slave);
	close(master);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(measures_and_logs), UNIT_TEST(finds_the_banks_in_use),
		UNIT_TEST(refuses_what_the_log_cannot_show), UNIT_TEST(extend_counts_without_log),
		UNIT_TEST(missing_record_is_not_forgotten),
		UNIT_TEST(resets_are_noticed), UNIT_TEST(closes_banks_that_are_not_used),
		UNIT_TEST(log_on_a_full_file_system),
		UNIT_TEST(faults_have_their_words), UNIT_TEST(no_device),
		UNIT_TEST(waits_for_a_slow_device),
	};

	setenv("TSS2_LOG", "all+NONE", 1); /* the faults are ours */
	return cmocka_run_group_tests_name("tpm", tests, NULL, NULL);
}
