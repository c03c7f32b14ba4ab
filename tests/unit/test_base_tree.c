/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "modules/handover/handover.h"
#include "tests/unit/tree.h"

#if defined(__x86_64__)
#define LIB64 "usr/lib64/ld-linux-x86-64.so.2"
#define LIB64_IN_LIB "usr/lib/ld-linux-x86-64.so.2"
#endif

/* What must be at path afterwards: a link's target, or a directory's mode. */
struct expected {
	const char *path, *target;
	mode_t mode;
};

static const struct base_case {
	const char *name;
	const char *lines[10];
	struct expected expected[13];
} cases[] = {
	{ "hermetic usr",
	  { "d usr/bin", "d usr/sbin", "d usr/lib" },
	  { { "bin", "usr/bin", 0 }, { "sbin", "usr/sbin", 0 }, { "lib", "usr/lib", 0 },
	    { "lib64", NULL, 0 }, { "root", NULL, 0750 }, { "var", NULL, 0755 },
	    { "etc", NULL, 0755 }, { "proc", NULL, 0555 }, { "sys", NULL, 0555 },
	    { "dev", NULL, 0555 }, { "run", NULL, 0555 }, { "tmp", NULL, 0 } } },
	{ "nothing", { NULL }, { { "usr", NULL, 0755 }, { "bin", NULL, 0 }, { "lib", NULL, 0 } } },
	{ "existing entries stay",
	  { "d usr/bin", "l bin elsewhere", "d lib", "d usr/lib", "d run" },
	  { { "bin", "elsewhere", 0 }, { "lib", NULL, 0755 }, { "run", NULL, 0755 } } },
	/* The host has /usr/bin, the tree has not. */
	{ "link out of the tree", { "l usr ../../../../../usr" }, { { "bin", NULL, 0 } } },
#ifdef LIB64
	{ "loader in lib64", { "f " LIB64, "f " LIB64_IN_LIB }, { { "lib64", "usr/lib64", 0 } } },
	{ "loader in lib", { "f " LIB64_IN_LIB, "d usr/lib64" }, { { "lib64", "usr/lib", 0 } } },
	{ "loader is an absolute link", { "l " LIB64 " /usr/lib/x/ld.so", "f usr/lib/x/ld.so" },
	  { { "lib64", "usr/lib64", 0 } } },
	{ "lib64 is an absolute link", { "l usr/lib64 /usr/lib", "f " LIB64_IN_LIB },
	  { { "lib64", "usr/lib64", 0 } } },
#endif
};

static void look(const char *root, const char *name, const struct expected *x)
{
	char path[128], target[128] = "";
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", root, x->path);
	if (lstat(path, &st) < 0)
		st.st_mode = 0;
	else if (S_ISLNK(st.st_mode) && readlink(path, target, sizeof(target) - 1) < 0)
		fail_msg("readlink '%s'", path);
	if (x->target && strcmp(target, x->target) != 0)
		fail_msg("case '%s': '%s' leads to '%s'", name, x->path, target);
	if (!x->target && st.st_mode != (x->mode ? S_IFDIR | x->mode : 0))
		fail_msg("case '%s': '%s' has mode %o", name, x->path, st.st_mode);
}

static void base_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char root[32];
		struct err e;

		tree_make(cases[i].lines, root);
		assert_code(handover_base_tree(root, &e), &e, ERR_NONE, cases[i].name);
		/* Once more: all is there now. */
		assert_code(handover_base_tree(root, &e), &e, ERR_NONE, cases[i].name);
		for (const struct expected *x = cases[i].expected; x->path; x++)
			look(root, cases[i].name, x);
		tree_remove(root);
	}
}

#define ALWAYS "ld64.so.2"
#define BARE "ld-linux-aarch64.so.1"

static const struct loader_case {
	const char *name;
	struct handover_loader loader;
	const char *lines[8];
	const char *lib64; /* its target, or NULL */
} loader_cases[] = {
	{ "in lib64", { ALWAYS, false }, { "f usr/lib64/" ALWAYS, "f usr/lib/" ALWAYS }, "usr/lib64" },
	{ "in lib", { ALWAYS, false }, { "f usr/lib/" ALWAYS }, "usr/lib" },
	{ "another's", { ALWAYS, false }, { "f usr/lib/" BARE }, NULL },
	{ "not bare, always", { ALWAYS, false }, { "f usr/lib/" ALWAYS, "d bin", "d lib", "d sbin" }, "usr/lib" },
	{ "bare", { BARE, true }, { "f usr/lib64/" BARE }, "usr/lib64" },
	{ "no sbin", { BARE, true }, { "f usr/lib/" BARE, "d bin", "d lib" }, "usr/lib" },
	{ "not bare", { BARE, true }, { "f usr/lib/" BARE, "d bin", "d lib", "l sbin usr/sbin" }, NULL },
	{ "of no architecture", { NULL, false }, { "f usr/lib64/" ALWAYS }, NULL },
};

static void loader_of_each_architecture(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(loader_cases) / sizeof(*loader_cases); i++) {
		const struct loader_case *c = &loader_cases[i];
		char root[32];
		struct err e;

		tree_make(c->lines, root);
		/* Twice: what it makes itself must not change what it does. */
		for (int n = 0; n < 2; n++)
			assert_code(handover_base_tree_with(root, &c->loader, &e), &e, ERR_NONE, c->name);
		look(root, c->name, &(struct expected){ "lib64", c->lib64, 0 });
		tree_remove(root);
	}
}

static void base_without_root(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(handover_base_tree("/nonexistent/root", &e), -ERR_SWITCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(base_cases), UNIT_TEST(loader_of_each_architecture),
		UNIT_TEST(base_without_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
