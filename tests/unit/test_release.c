/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include "init/core/cleanup.h"
#include "modules/disk/dps.h"
#include "modules/extension/name.h"
#include "modules/extension/release.h"

/* From a copy that ends with the text: reading on is noticed. */
static int parse(const char *text, struct release *ret, struct err *e)
{
	size_t n = strlen(text);
	SCOPED(mem_free) char *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	return release_parse(memcpy(copy, text, n), n, ret, e);
}

/* What becomes of the value behind ID=; NULL: the line is no assignment. */
static void values(void **state)
{
	static const struct { const char *text, *id; } cases[] = {
		{ "ID=fedora", "fedora" },
		{ "ID=fedora\n", "fedora" },
		{ "ID=fedora\r\n", "fedora" },
		{ "  ID=fedora\t \n", "fedora" },
		{ "ID=\"fedora\"", "fedora" },
		{ "ID='fedora'", "fedora" },
		{ "ID='fe'do\"ra\"", "fedora" },
		{ "ID=\"a \\\"\\\\\\$\\`\\x\"", "a \"\\$`\\x" },
		{ "ID='a\\b'", "a\\b" },
		{ "ID=a\\ b", "a b" },
		{ "ID=a=b", "a=b" },
		{ "ID=one\nID=two", "two" },
		{ "ID=one\nID=", NULL },
		{ "ID=one\nID=\"open", "one" },
		{ "ID=\"\"", NULL },
		{ "ID=two words", NULL },
		{ "ID=trailing\\", NULL },
		{ "ID=\"trailing\\", NULL },
		{ "ID='open", NULL },
		{ "ID='open\\", NULL },
		{ "ID=\x1b[31m", NULL },
		{ "ID=a\\\x1b", NULL },
		{ "ID =fedora", NULL },
		{ "XID=fedora", NULL },
		{ "#ID=fedora", NULL },
		{ "ID", NULL },
		{ "=fedora", NULL },
		{ "", NULL },
		{ "\n\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct release r;
		struct err e = { 0 };

		assert_code(parse(cases[i].text, &r, &e), &e, ERR_NONE, cases[i].text);
		if (!r.id != !cases[i].id || (r.id && strcmp(r.id, cases[i].id) != 0))
			fail_msg("'%s': got '%s'", cases[i].text, r.id ? r.id : "(none)");
		release_done(&r);
	}
}

static void all_keys(void **state)
{
	struct release r;
	struct err e = { 0 };

	(void)state;
	assert_code(parse("NAME=x\nID=a\nID_LIKE=\"b c\"\nVERSION_ID=1\nSYSEXT_LEVEL=2\n"
			  "SYSEXT_SCOPE=initrd\nARCHITECTURE=arm64\nCONFEXT_LEVEL=3\nCONFEXT_SCOPE=system\n", &r, &e), &e, ERR_NONE, "all");
	assert_string_equal(r.id, "a");
	assert_string_equal(r.id_like, "b c");
	assert_string_equal(r.version_id, "1");
	assert_string_equal(r.level[SYSEXT], "2");
	assert_string_equal(r.scope[SYSEXT], "initrd");
	assert_string_equal(r.level[CONFEXT], "3");
	assert_string_equal(r.scope[CONFEXT], "system");
	assert_string_equal(r.architecture, "arm64");
	release_done(&r);
}

static void nul_is_refused(void **state)
{
	struct release r;
	struct err e = { 0 };

	(void)state;
	assert_code(release_parse("ID=a\0b\n", 7, &r, &e), &e, ERR_EXTENSION_MALFORMED, "NUL");
}

static const struct extension_class *const sysext = &extension_classes[SYSEXT];

#define INITRD "SYSEXT_SCOPE=initrd\n"

static void matches(void **state)
{
	static const struct { const char *name, *extension, *initrd; enum err_code code; } cases[] = {
		{ "same id", INITRD "ID=a", "ID=a", ERR_NONE },
		{ "no scope", "ID=a", "ID=a", ERR_EXTENSION_MISMATCH },
		{ "scope of the host", "SYSEXT_SCOPE=\"system portable\"\nID=a", "ID=a",
		  ERR_EXTENSION_MISMATCH },
		{ "scope among others", "SYSEXT_SCOPE=\"system initrd\"\nID=a", "ID=a", ERR_NONE },
		{ "scope is a word", "SYSEXT_SCOPE=\"initrdx\"\nID=a", "ID=a", ERR_EXTENSION_MISMATCH },
		{ "scope counts for any", "ID=_any", "ID=a", ERR_EXTENSION_MISMATCH },
		{ "no id", INITRD, "ID=a", ERR_EXTENSION_MISMATCH },
		{ "other id", INITRD "ID=b", "ID=a", ERR_EXTENSION_MISMATCH },
		{ "any id", INITRD "ID=_any", "ID=a\nVERSION_ID=1", ERR_NONE },
		{ "any id, unknown initrd", INITRD "ID=_any", "", ERR_NONE },
		{ "unknown initrd", INITRD "ID=a", "", ERR_EXTENSION_MISMATCH },
		{ "we are like it", INITRD "ID=b", "ID=a\nID_LIKE=\"c b\"", ERR_NONE },
		{ "it is like us", INITRD "ID=b\nID_LIKE=a", "ID=a", ERR_EXTENSION_MISMATCH },
		{ "foreign machine", INITRD "ID=_any\nARCHITECTURE=s390", "ID=a",
		  ERR_EXTENSION_MISMATCH },
		{ "any machine", INITRD "ID=a\nARCHITECTURE=_any", "ID=a", ERR_NONE },
		{ "words for a manager", INITRD "ID=a\nEXTENSION_RELOAD_MANAGER=1\n"
		  "EXTENSION_RESTART_UNITS=x\nSYSEXT_IMAGE_ID=b", "ID=a", ERR_NONE },
		{ "same version", INITRD "ID=a\nVERSION_ID=1", "ID=a\nVERSION_ID=1", ERR_NONE },
		{ "other version", INITRD "ID=a\nVERSION_ID=2", "ID=a\nVERSION_ID=1",
		  ERR_EXTENSION_MISMATCH },
		{ "no version", INITRD "ID=a", "ID=a\nVERSION_ID=1", ERR_EXTENSION_MISMATCH },
		{ "we have no version", INITRD "ID=a\nVERSION_ID=2", "ID=a", ERR_NONE },
		{ "level before version", INITRD "ID=a\nVERSION_ID=2\nSYSEXT_LEVEL=3",
		  "ID=a\nVERSION_ID=1\nSYSEXT_LEVEL=3", ERR_NONE },
		{ "other level", INITRD "ID=a\nVERSION_ID=1\nSYSEXT_LEVEL=4",
		  "ID=a\nVERSION_ID=1\nSYSEXT_LEVEL=3", ERR_EXTENSION_MISMATCH },
		{ "level on one side only", INITRD "ID=a\nVERSION_ID=2\nSYSEXT_LEVEL=3",
		  "ID=a\nVERSION_ID=1", ERR_EXTENSION_MISMATCH },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct release extension, initrd;
		struct err e = { 0 };

		assert_code(parse(cases[i].extension, &extension, &e), &e, ERR_NONE, cases[i].name);
		assert_code(parse(cases[i].initrd, &initrd, &e), &e, ERR_NONE, cases[i].name);
		assert_code(release_match(&extension, &initrd, "initrd", sysext, "x", &e), &e, cases[i].code,
			    cases[i].name);
		release_done(&extension);
		release_done(&initrd);
	}
}

/* What says nothing is for the system. */
static void scopes(void **state)
{
	static const struct { const char *scope; bool initrd, system; } cases[] = {
		{ "", false, true },
		{ "SYSEXT_SCOPE=initrd", true, false },
		{ "SYSEXT_SCOPE=\"initrd system\"", true, true },
		{ "SYSEXT_SCOPE=portable", false, false },
		{ "SYSEXT_SCOPE=", false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct release extension, ours;
		struct err e = { 0 };
		char text[100];

		snprintf(text, sizeof(text), "ID=a\n%s", cases[i].scope);
		assert_code(parse(text, &extension, &e), &e, ERR_NONE, text);
		assert_code(parse("ID=a", &ours, &e), &e, ERR_NONE, "ours");
		assert_code(release_match(&extension, &ours, "initrd", sysext, "x", &e), &e,
			    cases[i].initrd ? ERR_NONE : ERR_EXTENSION_MISMATCH, text);
		assert_code(release_match(&extension, &ours, "system", sysext, "x", &e), &e,
			    cases[i].system ? ERR_NONE : ERR_EXTENSION_MISMATCH, text);
		release_done(&extension);
		release_done(&ours);
	}
}

/* Each class has a scope and a level of its own. */
static void matches_by_class(void **state)
{
	static const struct {
		const char *extension, *initrd;
		enum err_code sysext, confext;
	} cases[] = {
		{ "SYSEXT_SCOPE=initrd\nID=a", "ID=a", ERR_NONE, ERR_EXTENSION_MISMATCH },
		{ "CONFEXT_SCOPE=initrd\nID=a", "ID=a", ERR_EXTENSION_MISMATCH, ERR_NONE },
		{ "SYSEXT_SCOPE=initrd\nCONFEXT_SCOPE=initrd\nID=a\nSYSEXT_LEVEL=1\nCONFEXT_LEVEL=2",
		  "ID=a\nSYSEXT_LEVEL=1\nCONFEXT_LEVEL=1", ERR_NONE, ERR_EXTENSION_MISMATCH },
		{ "SYSEXT_SCOPE=initrd\nCONFEXT_SCOPE=initrd\nID=a\nSYSEXT_LEVEL=1\nCONFEXT_LEVEL=2",
		  "ID=a\nSYSEXT_LEVEL=2\nCONFEXT_LEVEL=2", ERR_EXTENSION_MISMATCH, ERR_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct release extension, initrd;
		struct err e = { 0 };

		assert_code(parse(cases[i].extension, &extension, &e), &e, ERR_NONE, "extension");
		assert_code(parse(cases[i].initrd, &initrd, &e), &e, ERR_NONE, "initrd");
		assert_code(release_match(&extension, &initrd, "initrd", sysext, "x", &e), &e,
			    cases[i].sysext, cases[i].extension);
		assert_code(release_match(&extension, &initrd, "initrd", &extension_classes[CONFEXT], "x", &e),
			    &e, cases[i].confext, cases[i].extension);
		release_done(&extension);
		release_done(&initrd);
	}
}

static void own_machine(void **state)
{
	struct release extension = { .id = "a", .scope[SYSEXT] = "initrd" }, initrd = { .id = "a" };
	struct err e = { 0 };

	(void)state;
	extension.architecture = (char *)dps_architecture();
	assert_code(release_match(&extension, &initrd, "initrd", sysext, "x", &e), &e, ERR_NONE, "own");
}

static void mismatch_names_both(void **state)
{
	struct release extension = { .id = "theirs", .scope[SYSEXT] = "initrd" };
	struct release initrd = { .id = "ours" };
	struct err e = { 0 };

	(void)state;
	assert_true(release_match(&extension, &initrd, "initrd", sysext, "x", &e) < 0);
	assert_string_equal(e.what, "ID of 'x' is 'theirs', it must be 'ours'");
}

#define N10 "0123456789"
#define N90 N10 N10 N10 N10 N10 N10 N10 N10 N10

static void names(void **state)
{
	static const struct { const char *file; enum name_kind kind; const char *name; } cases[] = {
		{ "foo.raw", NAME_GOOD, "foo" },
		{ "foo.sysext.raw", NAME_GOOD, "foo" },
		{ "foo_1.2+3.sysext.raw", NAME_GOOD, "foo_1.2+3" },
		{ "foo.sysext.sysext.raw", NAME_GOOD, "foo.sysext" },
		{ "foo.raw.raw", NAME_GOOD, "foo.raw" },
		{ N90 "012345678.sysext.raw", NAME_GOOD, N90 "012345678" },
		{ N90 N10 ".raw", NAME_INVALID, NULL },
		{ "foo.confext.raw", NAME_FOREIGN, NULL },
		{ ".confext.raw", NAME_FOREIGN, NULL },
		{ "confext.raw", NAME_GOOD, "confext" },
		{ ".raw", NAME_INVALID, NULL },
		{ ".sysext.raw", NAME_INVALID, NULL },
		{ ".#foo.raw", NAME_INVALID, NULL },
		{ "fo\no.raw", NAME_INVALID, NULL },
		{ "fo\x7fo.raw", NAME_INVALID, NULL },
		{ "fo\xc3\xb6.raw", NAME_INVALID, NULL },
		{ "a/b.raw", NAME_INVALID, NULL },
		{ "foo.raw.verity", NAME_OTHER, NULL },
		{ "foo", NAME_OTHER, NULL },
		{ "raw", NAME_OTHER, NULL },
		{ "", NAME_OTHER, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char name[EXTENSION_NAME_BYTES];

		if (extension_name(cases[i].file, sysext, name) != cases[i].kind)
			fail_msg("'%s'", cases[i].file);
		if (cases[i].name)
			assert_string_equal(name, cases[i].name);
	}
}

static void names_by_class(void **state)
{
	static const struct {
		const char *file;
		enum extension_class_id of;
		enum name_kind sysext, confext;
	} cases[] = {
		{ "a.raw", SYSEXT, NAME_GOOD, NAME_GOOD },
		{ "a.sysext.raw", SYSEXT, NAME_GOOD, NAME_FOREIGN },
		{ "a.confext.raw", CONFEXT, NAME_FOREIGN, NAME_GOOD },
		{ "a.confext.sysext.raw", SYSEXT, NAME_GOOD, NAME_FOREIGN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char name[EXTENSION_NAME_BYTES];

		assert_int_equal(extension_class_of(cases[i].file)->id, cases[i].of);
		assert_int_equal(extension_name(cases[i].file, sysext, name), cases[i].sysext);
		assert_int_equal(extension_name(cases[i].file, &extension_classes[CONFEXT], name),
				 cases[i].confext);
	}
}

static void release_fits(void **state)
{
	static const struct { const char *suffix, *name; bool fits; } cases[] = {
		{ "foo", "foo_1", true },    { "foo", "foo+1", true },  { "foo", "foo+1_2", true },
		{ "foo", "foo-1", false },   { "foo", "foobar_1", false }, { "foo_1", "foo_2", false },
		{ "fo", "foo_1", false },    { "", "_1", false },       { "", "foo_1", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (extension_release_fits(cases[i].suffix, cases[i].name) != cases[i].fits)
			fail_msg("'%s' for '%s'", cases[i].suffix, cases[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(values), UNIT_TEST(all_keys), UNIT_TEST(nul_is_refused), UNIT_TEST(matches),
		UNIT_TEST(matches_by_class), UNIT_TEST(scopes), UNIT_TEST(own_machine), UNIT_TEST(mismatch_names_both), UNIT_TEST(names), UNIT_TEST(names_by_class),
		UNIT_TEST(release_fits),
	};

	return cmocka_run_group_tests_name("release", tests, NULL, NULL);
}
