/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "init/core/cleanup.h"
#include "init/core/log.h"
#include "modules/inputs/credentials.h"
#include "modules/inputs/options.h"
#include "tests/unit/tree.h"

#define N(a) (sizeof(a) / sizeof(*(a)))
#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define MAX_NAME FIFTY FIFTY FIFTY FIFTY FIFTY "01234"

static void names(void **state)
{
	static const struct { const char *name; bool valid; } cases[] = {
		{ "a", true },
		{ "tpm2-pin.v1_x", true },
		{ "with space", true },
		{ "...", true },
		{ MAX_NAME, true },
		{ MAX_NAME "x", false },
		{ "", false },
		{ ".", false },
		{ "..", false },
		{ "a/b", false },
		{ "/", false },
		{ "a:b", false },
		{ "a\nb", false },
		{ "a\x7f", false },
		{ "b\xc3\xa4r", false },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++)
		if (credential_name_valid(cases[i].name) != cases[i].valid)
			fail_msg("name '%s'", cases[i].name);
}

static void assignments(void **state)
{
	static const struct {
		const char *text;
		char separator;
		bool binary;
		const char *name, *value, *flaw;
	} cases[] = {
		{ "a=b", '=', false, "a", "b", NULL },
		{ "a=b=c:d", '=', false, "a", "b=c:d", NULL },
		{ "a:b=c:d", ':', false, "a", "b=c:d", NULL },
		{ "a=", '=', false, "a", "", NULL },
		{ "a=", '=', true, "a", "", NULL },
		{ "a=aGVsbG8=", '=', true, "a", "hello", NULL },
		{ "a=aGVsbG8gd29ybGQh", '=', true, "a", "hello world!", NULL },
		{ "a=aGVsbG8", '=', true, "a", NULL, "not base64" },
		{ "a=aGVs bG8=", '=', true, "a", NULL, "not base64" },
		{ "a", '=', false, NULL, NULL, "no value" },
		{ "a:b", '=', false, NULL, NULL, "no value" },
		{ "", '=', false, NULL, NULL, "no value" },
		{ "=b", '=', false, NULL, NULL, "plain file name" },
		{ "../a=b", '=', false, NULL, NULL, "plain file name" },
		{ "a:b=c", '=', false, NULL, NULL, "plain file name" },
		{ "..=b", '=', true, NULL, NULL, "plain file name" },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		char text[64];
		struct credential c = { 0 };
		const char *flaw;

		strcpy(text, cases[i].text);
		flaw = credential_parse(text, cases[i].separator, cases[i].binary, &c);
		if (!flaw != !cases[i].flaw || (flaw && !strstr(flaw, cases[i].flaw)))
			fail_msg("'%s': '%s'", cases[i].text, flaw ? flaw : "good");
		if (!c.name != !cases[i].name || (c.name && strcmp(c.name, cases[i].name) != 0))
			fail_msg("'%s': name '%s'", cases[i].text, c.name ? c.name : "none");
		if (cases[i].value && (c.n != strlen(cases[i].value) || memcmp(c.p, cases[i].value, c.n) != 0))
			fail_msg("'%s': value '%.*s'", cases[i].text, (int)c.n, (const char *)c.p);
	}
}

/* A store in an existing directory, which needs no mount. */
static struct credential_store store_in(const char *root, const char *name)
{
	struct credential_store s = { .path = name };
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(mkdir(path, 0700), 0);
	s.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(s.fd >= 0);
	return s;
}

static int is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* "a=content b=content", sorted. Every file must have the mode 0400. */
static void show(const char *root, const char *name, char *ret, size_t max)
{
	struct dirent **files;
	char path[512];
	int n;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	n = scandir(path, &files, is_visible, alphasort);
	*ret = '\0';
	for (int i = 0; i < n; i++) {
		SCOPED(mem_free) char *content = NULL;
		size_t n_content, used = strlen(ret);
		struct stat st;
		struct err e;

		snprintf(path, sizeof(path), "%s/%s/%.255s", root, name, files[i]->d_name);
		assert_int_equal(lstat(path, &st), 0);
		assert_int_equal(st.st_mode, S_IFREG | 0400);
		assert_int_equal(file_read(AT_FDCWD, path, 4096, &content, &n_content, &e), 0);
		snprintf(ret + used, max - used, "%s%s=%s", used ? " " : "", files[i]->d_name, content);
		free(files[i]);
	}
	free(files);
}

static int add(struct credential_store *s, const char *name, const char *content, size_t n)
{
	const struct credential c = { "test", name, content, n };
	struct err e;

	return credential_store_add(s, &c, &e);
}

static void store(void **state)
{
	static const char *const lines[] = { "f in/there old", "l in/link there", NULL };
	SCOPED(mem_free) char *big = calloc(1, CREDENTIAL_MAX_BYTES + 1);
	struct credential_store s = { .path = "in" };
	char root[32], path[64], got[256];

	(void)state;
	tree_make(lines, root);
	snprintf(path, sizeof(path), "%s/in", root);
	s.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(add(&s, "big", big, CREDENTIAL_MAX_BYTES + 1), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(add(&s, "a", "1", 1), 0);
	assert_int_equal(add(&s, "a", "2", 1), 0);
	assert_int_equal(add(&s, "there", "new", 3), 0);
	assert_int_equal(add(&s, "link", "new", 3), 0);
	assert_int_equal(add(&s, "b", "", 0), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(add(&s, "big", big, CREDENTIAL_MAX_BYTES), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(add(&s, "big", big, CREDENTIAL_MAX_BYTES - 1), 0);
	assert_int_equal(add(&s, "c", "x", 1), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.n_bytes, CREDENTIAL_MAX_BYTES);
	credential_store_close(&s);
	assert_int_equal(s.fd, -1);
	snprintf(path, sizeof(path), "%s/in/there", root);
	assert_int_equal(file_read_text(path, got, sizeof(got)), 3);
	assert_string_equal(got, "old");
	snprintf(path, sizeof(path), "%s/in/c", root);
	assert_int_equal(access(path, F_OK), -1);
	tree_remove(root);
}

/* As many as the memory for them has room for; of those beyond, not each one is told of. */
static void too_many(void **state)
{
	char root[32], path[64], name[16], got[4096], last[128];
	struct credential_store s;
	struct err e;

	(void)state;
	tree_make((const char *const[]){ NULL }, root);
	s = store_in(root, "many");
	snprintf(path, sizeof(path), "%s/log", root);
	assert_int_equal(file_write(path, 0600, "", 0, &e), 0);
	log_open(open(path, O_WRONLY | O_APPEND | O_CLOEXEC), false);
	assert_int_equal(truncate(path, 0), 0); /* what earlier tests left */
	log_set_stage("test");
	for (unsigned i = 0; i < 1100; i++) {
		snprintf(name, sizeof(name), "c%04u", i);
		assert_int_equal(add(&s, name, "x", 1), 0);
	}
	assert_int_equal(s.n, CREDENTIAL_MAX);
	credential_store_close(&s);
	log_close();
	assert_true(file_read_text(path, got, sizeof(got)) > 0);
	assert_non_null(strstr(got, "credential 'c1023' of test skipped: there would be more than 1023\n"));
	assert_null(strstr(got, "c1099"));
	snprintf(last, sizeof(last), "\nslipway[1]: test: %d more credentials are skipped",
		 1100 - CREDENTIAL_MAX - CREDENTIAL_SKIPS_SAID);
	assert_string_equal(strrchr(got, '\n'), last);
	tree_remove(root);
}

/* What could be written in part is taken away again. */
static void full_store(void **state)
{
	struct rlimit before, small;
	char root[32], got[64];
	struct credential_store s;

	(void)state;
	tree_make((const char *const[]){ NULL }, root);
	s = store_in(root, "full");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){ 4, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(add(&s, "a", "12345", 5), 0);
	assert_int_equal(add(&s, "b", "1234", 4), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.n_bytes, 4);
	credential_store_close(&s);
	show(root, "full", got, sizeof(got));
	assert_string_equal(got, "b=1234");
	tree_remove(root);
}

#define CREDENTIALS ".extra/credentials/"
#define GLOBAL ".extra/global_credentials/"
#define SYSTEM ".extra/system_credentials/"
#define FW_CFG "sys/firmware/qemu_fw_cfg/by_name/opt/io.systemd.credentials/"
#define DMI "sys/firmware/dmi/tables"

static const struct collect_case {
	const char *name;
	const char *lines[10];
	const char *oem[3]; /* strings, "|" between them, of one structure each */
	const char *words;
	enum confidential confidential;
	const char *encrypted, *system;
} cases[] = {
	{ .name = "nothing", .encrypted = "", .system = "" },
	{ .name = "encrypted", .lines = { "f " CREDENTIALS "b.cred 1", "f " CREDENTIALS "a.cred 2" },
	  .encrypted = "a=2 b=1", .system = "" },
	{ .name = "the first folder wins",
	  .lines = { "f " CREDENTIALS "a.cred 1", "f " GLOBAL "a.cred 2", "f " GLOBAL "b.cred 3" },
	  .encrypted = "a=1 b=3", .system = "" },
	{ .name = "two stores", .lines = { "f " CREDENTIALS "a.cred 1", "f " SYSTEM "a.cred 2" },
	  .encrypted = "a=1", .system = "a=2" },
	{ .name = "every source, and its rank",
	  .lines = { "f " SYSTEM "a.cred extra", "f " FW_CFG "a/raw fw", "f " FW_CFG "b/raw fw" },
	  .oem = { "io.systemd.credential:a=smbios|io.systemd.credential:b=smbios|"
		   "io.systemd.credential:c=smbios" },
	  .words = "systemd.set_credential=a:word systemd.set_credential=b:word "
		   "systemd.set_credential=c:word systemd.set_credential=d:word "
		   "systemd.set_credential=d:again",
	  .encrypted = "", .system = "a=extra b=fw c=smbios d=word" },
	{ .name = "binary", .oem = { "io.systemd.credential.binary:a=aGk=" },
	  .words = "systemd.set_credential_binary=b:aGVsbG8=",
	  .encrypted = "", .system = "a=hi b=hello" },
	{ .name = "dashes, quotes, other words",
	  .words = "systemd.set-credential=\"a:b c\" systemd.set_credential "
		   "rd.systemd.set_credential=b:x systemd.set_credentials=c:x",
	  .encrypted = "", .system = "a=b c" },
	{ .name = "further structures", .oem = { "x", "io.systemd.credential:a=1", "io.systemd.credential:b=2" },
	  .encrypted = "", .system = "a=1 b=2" },
	{ .name = "names in sysfs are links",
	  .lines = { "f sys/firmware/qemu_fw_cfg/by_key/32/raw fw", "d " FW_CFG,
		     "l " FW_CFG "a ../../../by_key/32" },
	  .encrypted = "", .system = "a=fw" },
	{ .name = "bad ones do no harm",
	  .lines = { "f " CREDENTIALS "a:b.cred x", "f " CREDENTIALS ".cred x", "f " CREDENTIALS "plain x",
		     "d " CREDENTIALS "dir.cred", "l " CREDENTIALS "link.cred good.cred",
		     "f " CREDENTIALS "good.cred 1", "d " FW_CFG "empty" },
	  .oem = { "io.systemd.credential:novalue|io.systemd.credential:../x=1|"
		   "io.systemd.credential.binary:bad=!|io.systemd.credential:good=2" },
	  .words = "systemd.set_credential=novalue systemd.set_credential=a/b:1 "
		   "systemd.set_credential_binary=bad:! systemd.set_credential=last:3",
	  .encrypted = "good=1", .system = "good=2 last=3" },
	{ .name = "folder is a link",
	  .lines = { "f other/a.cred 1", "d .extra", "l .extra/credentials ../other" },
	  .encrypted = "", .system = "" },
	{ .name = "confidential", .confidential = CONFIDENTIAL_OTHER,
	  .lines = { "f " CREDENTIALS "a.cred 1", "f " SYSTEM "b.cred 2", "f " FW_CFG "c/raw fw" },
	  .oem = { "io.systemd.credential:d=smbios" }, .words = "systemd.set_credential=e:3",
	  .encrypted = "a=1", .system = "b=2 e=3" },
	{ .name = "confidential with measured SMBIOS", .confidential = CONFIDENTIAL_TDX,
	  .lines = { "f " FW_CFG "c/raw fw" }, .oem = { "io.systemd.credential:d=smbios" },
	  .encrypted = "", .system = "d=smbios" },
};

/* After another structure with a credential in it, which is none there. */
static void write_smbios(const char *root, const char *const oem[static 3])
{
	char path[128], raw[1024] = "\x01\x04\0\0io.systemd.credential:other=1\0";
	size_t n = 4 + sizeof("io.systemd.credential:other=1") + 1;
	struct err e;

	for (size_t i = 0; i < 3 && oem[i]; i++) {
		memcpy(raw + n, "\x0b\x05\x00\x0e\x01", 5);
		n += 5;
		for (const char *c = oem[i]; *c; c++)
			raw[n++] = *c == '|' ? '\0' : *c;
		n += 2;
	}
	snprintf(path, sizeof(path), "%s/" DMI, root);
	assert_int_equal(make_dirs(path, 0755, &e), 0);
	strcat(path, "/DMI");
	assert_int_equal(file_write(path, 0400, raw, n, &e), 0);
}

static void collect(const struct collect_case *c, const char *root)
{
	struct credential_store encrypted = store_in(root, "encrypted"), system = store_in(root, "system");
	const char *line = c->words ? c->words : "";
	struct cmdline words;
	struct err e;
	const struct credential_sources from = { root, c->confidential, &words };

	assert_int_equal(cmdline_parse(line, strlen(line), &words, &e), 0);
	assert_code(credentials_collect(&from, &encrypted, &system, &e), &e, ERR_NONE, c->name);
	credential_store_close(&encrypted);
	credential_store_close(&system);
	cmdline_done(&words);
}

static void sources(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		char root[32], got[256];

		tree_make(cases[i].lines, root);
		if (cases[i].oem[0])
			write_smbios(root, cases[i].oem);
		collect(&cases[i], root);
		show(root, "encrypted", got, sizeof(got));
		if (strcmp(got, cases[i].encrypted) != 0)
			fail_msg("case '%s': encrypted '%s'", cases[i].name, got);
		show(root, "system", got, sizeof(got));
		if (strcmp(got, cases[i].system) != 0)
			fail_msg("case '%s': system '%s'", cases[i].name, got);
		tree_remove(root);
	}
}

/* What tree.h cannot make: one byte too many, exactly enough, and what is no plain file. */
static void odd_files(void **state)
{
	static const char *const lines[] = { "f " CREDENTIALS "big.cred x", "f " SYSTEM "max.cred x", NULL };
	static const struct collect_case c = { .name = "odd files" };
	char root[32], path[128], got[64];
	struct stat st;

	(void)state;
	tree_make(lines, root);
	snprintf(path, sizeof(path), "%s/" CREDENTIALS "pipe.cred", root);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/" CREDENTIALS "big.cred", root);
	assert_int_equal(truncate(path, CREDENTIAL_MAX_BYTES + 1), 0);
	snprintf(path, sizeof(path), "%s/" SYSTEM "max.cred", root);
	assert_int_equal(truncate(path, CREDENTIAL_MAX_BYTES), 0);
	collect(&c, root);
	show(root, "encrypted", got, sizeof(got));
	assert_string_equal(got, "");
	snprintf(path, sizeof(path), "%s/system/max", root);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_size, CREDENTIAL_MAX_BYTES);
	tree_remove(root);
}

#define LINE(text) "slipway[1]: test: " text "\n"

/* Content never shows, and names only where they can be printed. */
static void messages(void **state)
{
	static const struct collect_case bad = {
		.name = "messages",
		.lines = { "f " SYSTEM "a\n<0>forged.cred SECRET", "d " SYSTEM "dir.cred" },
		.oem = { "io.systemd.credential.binary:broken=SECRET!|io.systemd.credential:SECRET" },
		.words = "systemd.set_credential=SECRET systemd.set_credential=a/SECRET:SECRET",
	};
	static const char expected[] =
		LINE("a credential of /.extra/system_credentials skipped: its name is no plain file name")
		LINE("credential 'dir' of /.extra/system_credentials skipped: it cannot be read as a plain file")
		LINE("credential 'broken' of SMBIOS skipped: its value is not base64")
		LINE("a credential of SMBIOS skipped: it has no value")
		LINE("a credential of the command line skipped: it has no value")
		LINE("a credential of the command line skipped: its name is no plain file name");
	char root[32], path[64], got[2048];
	struct err e;

	(void)state;
	tree_make(bad.lines, root);
	write_smbios(root, bad.oem);
	snprintf(path, sizeof(path), "%s/log", root);
	assert_int_equal(file_write(path, 0600, "", 0, &e), 0);
	log_open(open(path, O_WRONLY | O_APPEND | O_CLOEXEC), false);
	assert_int_equal(truncate(path, 0), 0); /* what earlier tests left */
	log_set_stage("test");
	collect(&bad, root);
	log_close();
	assert_true(file_read_text(path, got, sizeof(got)) > 0);
	assert_string_equal(strcat(got, "\n"), expected);
	tree_remove(root);
}

static void presence(void **state)
{
	static const struct { const char *name, *lines[4]; int present; } tries[] = {
		{ "no /.extra", { NULL }, 0 },
		{ "empty folders", { "d " CREDENTIALS, "d " GLOBAL, "d " SYSTEM }, 0 },
		{ "only others", { "f " CREDENTIALS "readme x", "f .extra/os-release x" }, 0 },
		{ "only the firmware's", { "f " FW_CFG "a/raw fw", "f " FW_CFG "a.cred/raw fw" }, 0 },
		{ "one", { "f " CREDENTIALS "a.cred x" }, 1 },
		{ "global", { "f " GLOBAL "a.cred x" }, 1 },
		{ "system", { "f " SYSTEM "a.cred x" }, 1 },
		{ "not a folder", { "f .extra/credentials x" }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N(tries); i++) {
		char root[32];
		struct err e;

		tree_make(tries[i].lines, root);
		if (credentials_present(root, &e) != tries[i].present)
			fail_msg("case '%s'", tries[i].name);
		tree_remove(root);
	}
}

static void environment(void **state)
{
	static const struct { struct credentials c; const char *first, *second; } tries[] = {
		{ { 0, 0 }, NULL, NULL },
		{ { 1, 0 }, "ENCRYPTED_CREDENTIALS_DIRECTORY=/run/credentials/@encrypted", NULL },
		{ { 0, 2 }, "CREDENTIALS_DIRECTORY=/run/credentials/@system", NULL },
		{ { 1, 1 }, "CREDENTIALS_DIRECTORY=/run/credentials/@system",
		  "ENCRYPTED_CREDENTIALS_DIRECTORY=/run/credentials/@encrypted" },
	};

	(void)state;
	for (size_t i = 0; i < N(tries); i++) {
		const char *got[3] = { "x", "x", "x" };

		credentials_environment(&tries[i].c, got);
		assert_true(!got[0] == !tries[i].first);
		if (got[0])
			assert_string_equal(got[0], tries[i].first);
		if (got[0] && tries[i].second)
			assert_string_equal(got[1], tries[i].second);
		assert_null(got[tries[i].second ? 2 : tries[i].first ? 1 : 0]);
	}
}

static void import_word(void **state)
{
	static const struct { const char *line; bool import; enum err_code code; } tries[] = {
		{ "", true, ERR_NONE },
		{ "systemd.import_credentials", true, ERR_NONE },
		{ "systemd.import_credentials=no", false, ERR_NONE },
		{ "rd.systemd.import-credentials=0", false, ERR_NONE },
		{ "systemd.import_credentials=no systemd.import_credentials=yes", true, ERR_NONE },
		{ "systemd.import_credentials=perhaps", true, ERR_CMDLINE },
		{ "systemd.set_credential systemd.set_credential_binary=x", true, ERR_NONE },
	};

	(void)state;
	for (size_t i = 0; i < N(tries); i++) {
		struct options o = OPTIONS_DEFAULTS;
		struct cmdline c;
		struct err e;

		assert_int_equal(cmdline_parse(tries[i].line, strlen(tries[i].line), &c, &e), 0);
		assert_code(options_parse(&c, &o, &e), &e, tries[i].code, tries[i].line);
		if (o.credentials != tries[i].import)
			fail_msg("'%s'", tries[i].line);
		cmdline_done(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(names), UNIT_TEST(assignments), UNIT_TEST(store), UNIT_TEST(full_store), UNIT_TEST(too_many),
		UNIT_TEST(sources), UNIT_TEST(odd_files),
		UNIT_TEST(messages), UNIT_TEST(presence), UNIT_TEST(environment),
		UNIT_TEST(import_word),
	};

	return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
