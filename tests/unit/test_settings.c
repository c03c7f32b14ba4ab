/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mkinitrd/conf_files.h"
#include "mkinitrd/option.h"
#include "mkinitrd/options.h"

#define N(a) (sizeof(a) / sizeof(*(a)))
#define LONG_64 "0123456789012345678901234567890123456789012345678901234567890123"
#define LONG_4K \
	LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 \
		LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 \
		LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 \
		LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 \
		LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 \
		LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 \
		LONG_64 LONG_64 LONG_64

static const struct {
	const char *name, *text;
	const char *settings; /* "key=value@line ..." in order */
} text_cases[] = {
	{ "nothing", "", "" },
	{ "comments and blanks", "# a\n\n   \n\t# b\n", "" },
	{ "a key", "conf=/x\n", "conf=/x@1" },
	{ "no end of line", "\nconf=/x", "conf=/x@2" },
	{ "blanks at both ends", "  conf=/x y \t\r\n", "conf=/x y@1" },
	{ "the last one counts", "conf=/x\nconf=/y\n", "conf=/y@2" },
	{ "lists add up", "cert=a\nconf=c\ncert=b\n", "cert=a@1 conf=c@2 cert=b@3" },
	{ "an empty value resets a list", "cert=a\ncert=\ncert=b\n", "cert=@2 cert=b@3" },
	{ "an empty value brings the default", "compress=none\ncompress=\n", "compress=zstd:12@2" },
	{ "and nothing where there is none", "conf=/x\nconf=\n", "conf=@2" },
	{ "the first = divides", "policy=root=signed\n", "policy=root=signed@1" },
	{ "two paths of 4096 bytes", "include=" LONG_4K ":" LONG_4K "\n",
	  "include=" LONG_4K ":" LONG_4K "@1" },
};

static void texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(text_cases); i++) {
		const char *name = text_cases[i].name, *text = text_cases[i].text;
		struct settings s = { 0 };
		struct err e = { 0 };
		char got[16384] = "";

		assert_code(settings_add_text(&s, "f", text, strlen(text), &e), &e, ERR_NONE, name);
		for (size_t k = 0; k < s.n; k++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s=%s@%s",
				 k ? " " : "", s.v[k].row->name, s.v[k].value,
				 strrchr(s.v[k].origin, ':') + 1);
		if (strcmp(got, text_cases[i].settings) != 0)
			fail_msg("case '%s': %.200s", name, got);
		settings_done(&s);
	}
}

static const struct {
	const char *name, *text, *message;
} refused_cases[] = {
	{ "no key=value", "\nconf\n", "f:2: 'conf' is no key=value" },
	{ "unknown key", "certs=a\n", "f:1: 'certs' is no key; slipway-mkinitrd.conf(5)" },
	{ "blank before the =", "conf =a\n", "'conf '" },
	{ "key of another case", "Conf=a\n", "'Conf'" },
	{ "empty key", "=a\n", "f:1: '' is no key" },
	{ "of one run", "output=a\n", "f:1: 'output' belongs on the command line, as --output" },
	{ "short word", "hostonly=yes\n", "belongs on the command line" },
	{ "line too long", "conf=" LONG_4K LONG_4K LONG_4K, "f:1: no text line" },
	{ "value that is none", "conf=a\ncompress=xz\n", "f:2: compress: 'xz' is no compression" },
	{ "switch", "verbose=true\n", "f:1: verbose: 'true' is not yes or no" },
	{ "policy", "policy=root=sigend\n", "f:1: policy: " },
	{ "profile", "profile=all\n", "f:1: profile: 'all'" },
	{ "modules", "modules=a,+\n", "f:1: modules: no name follows the '+'" },
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(refused_cases); i++) {
		const char *text = refused_cases[i].text;
		struct build_options o = { 0 };
		struct err e = { 0 };
		int rc = settings_add_text(&o.settings, "f", text, strlen(text), &e);

		if (rc == 0)
			rc = build_options_apply(&o, &e);
		assert_int_not_equal(rc, 0);
		if (!strstr(e.what, refused_cases[i].message))
			fail_msg("case '%s': %s", refused_cases[i].name, e.what);
		build_options_done(&o);
	}
}

static void a_zero_byte_is_no_text(void **state)
{
	struct settings s = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_code(settings_add_text(&s, "f", "conf=a\0b\n", 9, &e), &e, ERR_CONFIG, "zero");
	settings_done(&s);
}

static const struct {
	const char *lists[3];
	const char *words, *profile;
} module_cases[] = {
	{ { NULL }, "", "virt" },
	{ { "a,b" }, "a b", "none" },
	{ { "+a,-b" }, "+a -b", "virt" },
	{ { "+a", "b" }, "+a b", "none" },
	{ { "+a", "-a" }, "-a", "virt" },
	{ { "-a_b,c", "+a-b" }, "c +a-b", "none" },
	{ { ",a,,b," }, "a b", "none" },
	{ { "a", "", "+b" }, "+b", "virt" },
};

static void lists_of_modules(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(module_cases); i++) {
		struct build_options o = { 0 };
		char got[256] = "";
		struct err e;

		assert_int_equal(settings_add(&o.settings, option_find("profile"), "virt",
					      "default", &e), 0);
		for (size_t k = 0; k < 3 && module_cases[i].lists[k]; k++)
			assert_int_equal(settings_add(&o.settings, option_find("modules"),
						      module_cases[i].lists[k], "f:1", &e), 0);
		assert_int_equal(build_options_apply(&o, &e), 0);
		for (size_t k = 0; k < o.modules.n; k++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", k ? " " : "",
				 o.modules.v[k]);
		assert_string_equal(got, module_cases[i].words);
		assert_string_equal(o.profile, module_cases[i].profile);
		build_options_done(&o);
	}
}

struct file {
	const char *path, *text; /* a text that begins with '/' is the target of a link */
};

static const struct {
	const char *name;
	struct file files[6];
	const char *conf, *profile; /* what counts, NULL: none */
} search_cases[] = {
	{ "nothing at all", { { 0 } }, NULL, NULL },
	{ "the vendor's", { { "lib/mkinitrd.conf", "conf=lib\n" } }, "lib", NULL },
	{ "the administrator's beats it whole",
	  { { "lib/mkinitrd.conf", "conf=lib\nprofile=none\n" },
	    { "etc/mkinitrd.conf", "conf=etc\n" } },
	  "etc", NULL },
	{ "run stands between",
	  { { "lib/mkinitrd.conf", "conf=lib\n" }, { "run/mkinitrd.conf", "conf=run\n" } },
	  "run", NULL },
	{ "masked", { { "lib/mkinitrd.conf", "conf=lib\n" }, { "etc/mkinitrd.conf", "/dev/null" } },
	  NULL, NULL },
	{ "drop-ins beat the file",
	  { { "etc/mkinitrd.conf", "conf=etc\nprofile=none\n" },
	    { "lib/mkinitrd.conf.d/a.conf", "conf=a\n" } },
	  "a", "none" },
	{ "drop-ins by name, whatever the folder",
	  { { "etc/mkinitrd.conf.d/10.conf", "conf=10\n" },
	    { "lib/mkinitrd.conf.d/20.conf", "conf=20\n" } },
	  "20", NULL },
	{ "the same name: etc, run, lib",
	  { { "lib/mkinitrd.conf.d/10.conf", "conf=lib\nprofile=none\n" },
	    { "run/mkinitrd.conf.d/10.conf", "conf=run\n" },
	    { "etc/mkinitrd.conf.d/10.conf", "conf=etc\n" } },
	  "etc", NULL },
	{ "drop-in masked",
	  { { "lib/mkinitrd.conf.d/10.conf", "conf=lib\n" },
	    { "run/mkinitrd.conf.d/10.conf", "/dev/null" } },
	  NULL, NULL },
	{ "other names are no drop-ins",
	  { { "etc/mkinitrd.conf.d/a.conf~", "conf=a\n" },
	    { "etc/mkinitrd.conf.d/.b.conf", "conf=b\n" },
	    { "etc/mkinitrd.conf.d/.conf", "conf=c\n" }, { "etc/mkinitrd.conf.d/README", "x" } },
	  NULL, NULL },
};

static void put(const struct file *f)
{
	FILE *out;

	if (f->text[0] == '/') {
		assert_int_equal(symlink(f->text, f->path), 0);
		return;
	}
	out = fopen(f->path, "w");
	assert_non_null(out);
	fputs(f->text, out);
	fclose(out);
}

static void enter_new_tree(char top[static 64])
{
	static const char *const folders[] = {
		"etc", "run", "lib", "etc/mkinitrd.conf.d", "run/mkinitrd.conf.d",
		"lib/mkinitrd.conf.d",
	};

	strcpy(top, "/tmp/test_settings.XXXXXX");
	assert_non_null(mkdtemp(top));
	assert_int_equal(chdir(top), 0);
	for (size_t i = 0; i < N(folders); i++)
		assert_int_equal(mkdir(folders[i], 0700), 0);
}

static void leave_tree(const char *top)
{
	char command[128];

	assert_int_equal(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -r '%s'", top);
	assert_int_equal(system(command), 0);
}

static const char *value_of(const struct settings *s, const char *name)
{
	const struct setting *found = settings_find(s, name);

	return found ? found->value : "(none)";
}

static void searches(void **state)
{
	static const char *const folders[] = { "etc", "run", "lib" };

	(void)state;
	for (size_t i = 0; i < N(search_cases); i++) {
		const char *conf = search_cases[i].conf, *profile = search_cases[i].profile;
		struct settings s = { 0 };
		struct err e = { 0 };
		char top[64];

		enter_new_tree(top);
		for (const struct file *f = search_cases[i].files; f->path; f++)
			put(f);
		assert_code(conf_files_search(&s, folders, &e), &e, ERR_NONE, search_cases[i].name);
		if (strcmp(value_of(&s, "conf"), conf ? conf : "(none)") != 0 ||
		    strcmp(value_of(&s, "profile"), profile ? profile : "(none)") != 0)
			fail_msg("case '%s': conf=%s profile=%s", search_cases[i].name,
				 value_of(&s, "conf"), value_of(&s, "profile"));
		settings_done(&s);
		leave_tree(top);
	}
}

static void what_cannot_be_read_is_an_error(void **state)
{
	static const char *const folders[] = { "etc", "run", "lib" };
	static const struct file broken[] = {
		{ "etc/mkinitrd.conf", "/proc/self/mem" },
		{ "etc/mkinitrd.conf.d/a.conf", "/nowhere" },
		{ "run/mkinitrd.conf.d/a.conf", "loop=\n" },
	};

	(void)state;
	for (size_t i = 0; i < N(broken); i++) {
		struct settings s = { 0 };
		struct err e = { 0 };
		char top[64];

		enter_new_tree(top);
		put(&broken[i]);
		assert_int_not_equal(conf_files_search(&s, folders, &e), 0);
		assert_non_null(strstr(e.what, broken[i].path));
		settings_done(&s);
		leave_tree(top);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(texts), UNIT_TEST(refuses), UNIT_TEST(a_zero_byte_is_no_text),
		UNIT_TEST(lists_of_modules), UNIT_TEST(searches),
		UNIT_TEST(what_cannot_be_read_is_an_error),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
