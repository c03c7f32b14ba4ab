/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hooks/hooks.h"
#include "init/core/file.h"

struct declaration_case {
	const char *text;
	struct declaration is; /* if there is no error */
	const char *error;
};

static const struct declaration_case declarations[] = {
	{ .text = "", .is = DECLARATION_DEFAULTS },
	{ .text = "# nothing\n\n", .is = DECLARATION_DEFAULTS },
	{ .text = "deadline=60\nfailure=skip", .is = { .deadline_s = 60, .skip = true } },
	{ .text = "output=/run/x\noutput=/run/systemd/network/1.network",
	  .is = { .deadline_s = 5, .n_outputs = 2, .outputs = { "/run/x", "/run/systemd/network/1.network" } } },
	{ .text = "deadline=1\nfailure=fail\n", .is = { .deadline_s = 1 } },
	{ .text = "device=/dev/gpiochip0\ndevice=/sys/class/leds/a:b_c,d@e+f-1.2/x\ncredential=a.b-c_D1\n",
	  .is = { .deadline_s = 5, .n_devices = 2, .n_credentials = 1,
		  .devices = { "/dev/gpiochip0", "/sys/class/leds/a:b_c,d@e+f-1.2/x" },
		  .credentials = { "a.b-c_D1" } } },
	{ .text = "deadline=0\n", .error = "x.hook:1: 'deadline=0' is not understood" },
	{ .text = "deadline=61", .error = "'deadline=61'" },
	{ .text = "deadline=005", .error = "'deadline=005'" },
	{ .text = "deadline=", .error = "'deadline='" },
	{ .text = "deadline=+5", .error = "'deadline=+5'" },
	{ .text = "deadline = 5", .error = "'deadline = 5'" },
	{ .text = "failure=ignore", .error = "'failure=ignore'" },
	{ .text = "output=", .error = "'output='" },
	{ .text = "output=/run/", .error = "'output=/run/'" },
	{ .text = "output=/etc/x", .error = "'output=/etc/x'" },
	{ .text = "output=/run/../etc/x", .error = "'output=/run/../etc/x'" },
	{ .text = "output=/run/log/x", .error = "'output=/run/log/x'" },
	{ .text = "output=/run/slipway/boot.json", .error = "'output=/run/slipway/boot.json'" },
	{ .text = "output=/run/credentials/@system/x", .error = "'output=/run/credentials/@system/x'" },
	{ .text = "output=/run/udev", .error = "'output=/run/udev'" },
	/* What the host would run, or merge. */
	{ .text = "output=/run/extensions/x.raw", .error = "'output=/run/extensions/x.raw'" },
	{ .text = "output=/run/extensions", .error = "'output=/run/extensions'" },
	{ .text = "output=/run/confexts/x/etc/shadow", .error = "'output=/run/confexts/x/etc/shadow'" },
	{ .text = "output=/run/systemd/system/x.service", .error = "'output=/run/systemd/system/x.service'" },
	{ .text = "output=/run/systemd/network", .error = "'output=/run/systemd/network'" },
	{ .text = "output=/run/systemd/networks/x", .error = "'output=/run/systemd/networks/x'" },
	{ .text = "output=/run/systemd", .error = "'output=/run/systemd'" },
	{ .text = "#\ndeadline=5\ndeadline=5", .error = "x.hook:3: 'deadline' is there twice" },
	{ .text = "device=/dev/", .error = "'device=/dev/'" },
	{ .text = "device=/dev/../etc/x", .error = "'device=/dev/../etc/x'" },
	{ .text = "device=/dev/./x", .error = "'device=/dev/./x'" },
	{ .text = "device=/dev//x", .error = "'device=/dev//x'" },
	{ .text = "device=/dev/x/", .error = "'device=/dev/x/'" },
	{ .text = "device=/device/x", .error = "'device=/device/x'" },
	{ .text = "device=/proc/x", .error = "'device=/proc/x'" },
	{ .text = "device=/dev/a b", .error = "'device=/dev/a b'" },
	{ .text = "device=/dev/1\ndevice=/dev/2\ndevice=/dev/3\ndevice=/dev/4\ndevice=/dev/5\n"
		  "device=/dev/6\ndevice=/dev/7\ndevice=/dev/8\ndevice=/dev/9\n",
	  .error = "x.hook:9: 'device=/dev/9'" },
	{ .text = "credential=", .error = "'credential='" },
	{ .text = "credential=.x", .error = "'credential=.x'" },
	{ .text = "credential=a/b", .error = "'credential=a/b'" },
	{ .text = "deadline", .error = "'deadline' is no key=value" },
	{ .text = "root=yes", .error = "'root=yes' is not understood" },
	{ .text = "deadline=5\r\n", .error = "'deadline=5?'" },
};

static void declarations_are_strict(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(declarations) / sizeof(*declarations); i++) {
		const struct declaration_case *c = &declarations[i];
		struct declaration d;
		struct err e = { 0 };
		int rc = declaration_parse(c->text, strlen(c->text), "x", &d, &e);

		assert_code(rc, &e, c->error ? ERR_HOOK_INVALID : ERR_NONE, c->text);
		if (c->error && !strstr(e.what, c->error))
			fail_msg("'%s': %s", c->text, e.what);
		if (!c->error && memcmp(&d, &c->is, sizeof(d)) != 0)
			fail_msg("'%s': %u s, %d, %zu devices, %zu outputs, %zu credentials", c->text,
				 d.deadline_s, d.skip, d.n_devices, d.n_outputs, d.n_credentials);
	}
}

static void a_declaration_is_bounded(void **state)
{
	static char text[DECLARATION_MAX_BYTES + 1];
	struct declaration d;
	struct err e = { 0 };

	(void)state;
	memset(text, '\n', sizeof(text));
	assert_code(declaration_parse(text, sizeof(text) - 1, "x", &d, &e), &e, ERR_NONE, "many lines");
	assert_code(declaration_parse(text, sizeof(text), "x", &d, &e), &e, ERR_HOOK_INVALID, "too many");
	memset(text, '#', 300);
	assert_code(declaration_parse(text, 300, "x", &d, &e), &e, ERR_HOOK_INVALID, "long line");
	assert_code(declaration_parse("#\0", 2, "x", &d, &e), &e, ERR_HOOK_INVALID, "NUL");
}

struct answer_case {
	const char *text;
	enum answer_kind kind;
	const char *reason, *complaint; /* part of it */
	const char *key, *value;        /* of the last fact */
	unsigned line;
	size_t n; /* of text, unless it is a string */
};

static const struct answer_case answers[] = {
	{ .text = "" },
	{ .text = "continue", .kind = ANSWER_CONTINUE },
	{ .text = "continue\n", .kind = ANSWER_CONTINUE },
	{ .text = "fact a b c\ncontinue\n", .kind = ANSWER_CONTINUE, .key = "a", .value = "b c" },
	{ .text = "fact a\ncontinue\n", .kind = ANSWER_CONTINUE, .key = "a", .value = "" },
	{ .text = "fact a \ncontinue\n", .kind = ANSWER_CONTINUE, .key = "a", .value = "" },
	{ .text = "fact a x\033[2J\xff\ncontinue\n", .kind = ANSWER_CONTINUE, .key = "a", .value = "x?[2J?" },
	{ .text = "fact a x\0y\ncontinue\n", .n = 20, .kind = ANSWER_CONTINUE, .key = "a", .value = "x?y" },
	{ .text = "refuse", .kind = ANSWER_REFUSE, .reason = "no reason given" },
	{ .text = "refuse \n", .kind = ANSWER_REFUSE, .reason = "no reason given" },
	{ .text = "refuse the \033lid\n", .kind = ANSWER_REFUSE, .reason = "the ?lid" },
	/* Whatever else is wrong. */
	{ .text = "x\nrefuse a\nrefuse b\n", .kind = ANSWER_REFUSE, .reason = "a", .complaint = "neither", .line = 1 },
	{ .text = "continue\nrefuse a\n", .kind = ANSWER_REFUSE, .reason = "a" },
	{ .text = "refuse a\ncontinue\n", .kind = ANSWER_REFUSE, .reason = "a", .complaint = "follows", .line = 2 },
	{ .text = "continue\ncontinue\n", .complaint = "follows", .line = 2 },
	{ .text = "continue\n\n", .complaint = "follows", .line = 2 },
	{ .text = "\ncontinue\n", .complaint = "neither", .line = 1 },
	{ .text = "continued\n", .complaint = "neither", .line = 1 },
	{ .text = "Continue\n", .complaint = "neither", .line = 1 },
	{ .text = "continue \n", .complaint = "neither", .line = 1 },
	{ .text = "continue\r\n", .complaint = "neither", .line = 1 },
	{ .text = "refused\n", .complaint = "neither", .line = 1 },
	{ .text = "fact", .complaint = "neither", .line = 1 },
	{ .text = "fact \n", .complaint = "neither", .line = 1 },
	{ .text = "fact  x\n", .complaint = "malformed", .line = 1 },
	{ .text = "fact A x\n", .complaint = "malformed", .line = 1 },
	{ .text = "fact a x\nfact a y\n", .complaint = "there twice", .line = 2, .key = "a", .value = "x" },
	{ .text = "fact aaaaaaaaaabbbbbbbbbbccccccccccddd x\n", .complaint = "malformed", .line = 1 },
};

static void answers_are_strict_and_refusals_count(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		const struct answer_case *c = &answers[i];
		struct answer a;

		answer_parse(c->text, c->n ? c->n : strlen(c->text), &a);
		if (a.kind != c->kind || a.line != c->line || strcmp(a.reason, c->reason ? c->reason : "") != 0)
			fail_msg("'%s': %d, line %u, '%s'", c->text, a.kind, a.line, a.reason);
		if (!c->complaint != !a.complaint || (a.complaint && !strstr(a.complaint, c->complaint)))
			fail_msg("'%s': '%s'", c->text, a.complaint ? a.complaint : "");
		if (!c->key != !a.n_facts || (c->key && (strcmp(a.facts[a.n_facts - 1].key, c->key) != 0 ||
							 strcmp(a.facts[a.n_facts - 1].value, c->value) != 0)))
			fail_msg("'%s': %zu facts, '%s' '%s'", c->text, a.n_facts, a.facts[0].key, a.facts[0].value);
	}
}

static void an_answer_is_bounded(void **state)
{
	char text[ANSWER_MAX_BYTES];
	struct answer a;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < ANSWER_MAX_FACTS; i++)
		n += (size_t)sprintf(text + n, "fact f%d %0200d\n", i, i);
	answer_parse(text, n, &a);
	assert_null(a.complaint);
	assert_int_equal(a.n_facts, ANSWER_MAX_FACTS);
	n += (size_t)sprintf(text + n, "fact f x\n");
	answer_parse(text, n, &a);
	assert_non_null(strstr(a.complaint, "too many"));
	n = (size_t)sprintf(text, "fact f %0201d\n", 1);
	answer_parse(text, n, &a);
	assert_non_null(strstr(a.complaint, "too long"));
	n = (size_t)sprintf(text, "refuse %0300d\n", 1);
	answer_parse(text, n, &a);
	assert_int_equal(a.kind, ANSWER_REFUSE);
	assert_int_equal(strlen(a.reason), ANSWER_TEXT_BYTES - 1);
}

static void points_and_names(void **state)
{
	static const struct { const char *name; bool valid; } names[] = {
		{ "10-led", true }, { "led", true }, { "a_b-c", true }, { "", false }, { ".x", false },
		{ "-x", false }, { "_x", false }, { "X", false }, { "x.sh", false }, { "a/b", false },
		{ "a b", false }, { "x\n", false },
		{ "a234567890b234567890c234567890d234567890e2345678", true },
		{ "a234567890b234567890c234567890d234567890e23456789", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (hook_name_valid(names[i].name) != names[i].valid)
			fail_msg("'%s'", names[i].name);
	for (unsigned p = POINT_NONE + 1; p < N_POINTS; p++)
		assert_int_equal(hook_point_find(hook_point_name((enum hook_point)p),
						 strlen(hook_point_name((enum hook_point)p))), p);
	assert_int_equal(hook_point_find("none", 4), POINT_NONE);
	assert_int_equal(hook_point_find("entered:x", 7), POINT_ENTERED);
	assert_int_equal(hook_point_find("enter", 5), POINT_NONE);
}

struct folder_case {
	const char *name;
	const char *files[4]; /* "NAME=TEXT"; a name that ends in '/' is a folder, in '@' a link */
	const char *error;
};

static const struct folder_case folders[] = {
	{ "none", { 0 }, NULL },
	{ "sorted", { "20-b=x", "10-c=#!/bin/sh", "30-a=x", "10-c.hook=deadline=7" }, NULL },
	{ "declaration alone", { "a.hook=deadline=7" }, "there is a declaration without its hook" },
	{ "bare suffix", { ".hook=deadline=7" }, "'.hook' is neither a hook nor the declaration of one" },
	{ "bad declaration", { "a=x", "a.hook=deadline=x" }, "a.hook:1: 'deadline=x'" },
	{ "bad name", { "a.sh=x" }, "'a.sh' is neither a hook nor" },
	{ "editor", { "a~=x" }, "'a~' is neither a hook nor" },
	{ "folder", { "a/" }, "'a' is neither a hook nor" },
	{ "link", { "a@" }, "'a' is neither a hook nor" },
};

static void make_file(const char *folder, const char *file)
{
	const char *text = strchr(file, '=');
	char path[512];
	struct err e;
	size_t n = text ? (size_t)(text - file) : strlen(file);

	n = (size_t)snprintf(path, sizeof(path), "%s/%.*s", folder, (int)(n < 99 ? n : 99), file);
	if (text) {
		assert_int_equal(file_write(path, 0755, text + 1, strlen(text + 1), &e), 0);
	} else if (path[n - 1] == '@') {
		path[n - 1] = '\0';
		assert_int_equal(symlink("/bin/true", path), 0);
	} else {
		assert_int_equal(mkdir(path, 0755), 0);
	}
}

static void folders_hold_hooks_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		const struct folder_case *c = &folders[i];
		char root[] = "/tmp/hooks-XXXXXX", folder[256], command[64];
		struct hooks *h = NULL;
		struct err e = { 0 };
		int rc;

		assert_non_null(mkdtemp(root));
		snprintf(folder, sizeof(folder), "%s" HOOKS_FOLDER "/checked", root);
		if (c->files[0])
			assert_int_equal(make_dirs(folder, 0755, &e), 0);
		for (size_t f = 0; f < 4 && c->files[f]; f++)
			make_file(folder, c->files[f]);
		rc = hooks_find(root, POINT_CHECKED, &h, &e);
		assert_code(rc, &e, c->error ? ERR_HOOK_INVALID : ERR_NONE, c->name);
		if (c->error && !strstr(e.what, c->error))
			fail_msg("'%s': %s", c->name, e.what);
		if (!c->error && c->files[0]) {
			assert_int_equal(h->n, 3);
			assert_string_equal(h->at[0].name, "10-c");
			assert_true(h->at[0].script && !h->at[1].script);
			assert_int_equal(h->at[0].declaration.deadline_s, 7);
			assert_int_equal(h->at[1].declaration.deadline_s, 5);
			assert_int_equal(h->at[1].point, POINT_CHECKED);
			assert_string_equal(h->at[2].name, "30-a");
			/* of "x", and of nothing */
			assert_memory_equal(h->at[2].program, "2d711642b726b044", 16);
			assert_memory_equal(h->at[2].declared, "e3b0c44298fc1c14", 16);
		}
		free(h);
		snprintf(command, sizeof(command), "rm -r %s", root);
		assert_int_equal(system(command), 0);
	}
}

static void a_point_has_at_most_16(void **state)
{
	char root[] = "/tmp/hooks-XXXXXX", path[256], command[64];
	struct hooks *h = NULL;
	struct err e = { 0 };

	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s" HOOKS_FOLDER "/checked", root);
	assert_int_equal(make_dirs(path, 0755, &e), 0);
	for (int i = 0; i <= HOOKS_MAX; i++) {
		snprintf(path, sizeof(path), "%s" HOOKS_FOLDER "/checked/h%d", root, i);
		if (i == HOOKS_MAX) {
			assert_code(hooks_find(root, POINT_CHECKED, &h, &e), &e, ERR_NONE, "16");
			assert_int_equal(h->n, HOOKS_MAX);
			free(h);
		}
		assert_int_equal(file_write(path, 0755, "x", 1, &e), 0);
	}
	assert_code(hooks_find(root, POINT_CHECKED, &h, &e), &e, ERR_HOOK_INVALID, "17");
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(declarations_are_strict),
		UNIT_TEST(a_declaration_is_bounded),
		UNIT_TEST(answers_are_strict_and_refusals_count),
		UNIT_TEST(an_answer_is_bounded),
		UNIT_TEST(points_and_names),
		UNIT_TEST(folders_hold_hooks_and_nothing_else),
		UNIT_TEST(a_point_has_at_most_16),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
