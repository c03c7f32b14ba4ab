/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "modules/root/state.h"
#include "modules/verity/state.h"
#include "tests/unit/tree.h"

/* ---- the tree ---- */

static const struct tree_case {
	const char *name;
	const char *lines[6];
	bool read_only;
	enum err_code code;
} trees[] = {
	{ .name = "empty", .lines = { "d lost+found" } },
	{ .name = "empty, read-only", .lines = { "d lost+found" }, .read_only = true, .code = ERR_SWITCH },
	{ .name = "installed", .lines = { "d usr", "l bin usr/bin", "l sbin /usr/sbin", "l lib64 usr/lib", "f etc/x y" } },
	{ .name = "installed, read-only", .lines = { "d usr", "l bin usr/bin" }, .read_only = true },
	{ .name = "usr is a link", .lines = { "d other", "l usr other" }, .code = ERR_ROOT_SHADOWED },
	{ .name = "usr is a dangling link", .lines = { "l usr nothing" }, .code = ERR_ROOT_SHADOWED },
	{ .name = "usr is a file", .lines = { "f usr x" }, .code = ERR_ROOT_SHADOWED },
	{ .name = "usr has a file", .lines = { "f usr/x y" }, .code = ERR_ROOT_SHADOWED },
	{ .name = "usr has a hidden file", .lines = { "f usr/.x y" }, .code = ERR_ROOT_SHADOWED },
	{ .name = "bin is a directory", .lines = { "d bin" }, .code = ERR_ROOT_SHADOWED },
	{ .name = "sbin is a file", .lines = { "f sbin x" }, .code = ERR_ROOT_SHADOWED },
	{ .name = "a lib of any name", .lines = { "d libx32" }, .code = ERR_ROOT_SHADOWED },
	{ .name = "link elsewhere", .lines = { "l lib opt/lib" }, .code = ERR_ROOT_SHADOWED },
	{ .name = "link to usr itself", .lines = { "l lib usr" }, .code = ERR_ROOT_SHADOWED },
	{ .name = "link to another usr", .lines = { "l lib usr2/lib" }, .code = ERR_ROOT_SHADOWED },
	{ .name = "link up", .lines = { "l lib ../usr/lib" }, .code = ERR_ROOT_SHADOWED },
	{ .name = "link out of usr", .lines = { "l lib usr/../opt" }, .code = ERR_ROOT_SHADOWED },
	{ .name = "link out of usr at its end", .lines = { "l lib usr//.." }, .code = ERR_ROOT_SHADOWED },
	{ .name = "link with dots in a name", .lines = { "l lib usr/..x" } },
	{ .name = "link with two slashes", .lines = { "l lib //usr/lib" }, .code = ERR_ROOT_SHADOWED },
};

static void tree_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(trees) / sizeof(*trees); i++) {
		const struct tree_case *c = &trees[i];
		char path[32], usr[64];
		struct stat st;
		struct err e = { 0 };
		int fd, rc;

		tree_make(c->lines, path);
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		rc = root_state_check(fd, !c->read_only, &e);
		close(fd);
		snprintf(usr, sizeof(usr), "%s/usr", path);
		if (rc == 0 && (lstat(usr, &st) < 0 || !S_ISDIR(st.st_mode)))
			fail_msg("case '%s': no usr", c->name);
		tree_remove(path);
		assert_code(rc, &e, c->code, c->name);
	}
}

/* ---- the partition ---- */

/* r: root, h: its hashes, s: its signature, u: usr, e: emptied root. */
static const struct choice_case {
	const char *name, *partitions;
	enum err_code code;
	size_t chosen;
} choices[] = {
	{ .name = "beside usr", .partitions = "ur", .chosen = 1 },
	{ .name = "emptied", .partitions = "uer", .chosen = 2 },
	{ .name = "none", .partitions = "u", .code = ERR_ROOT_MISSING },
	{ .name = "two", .partitions = "urr", .code = ERR_ROOT_AMBIGUOUS },
	{ .name = "hashes", .partitions = "urh", .code = ERR_ROOT_INCOMPLETE },
	{ .name = "signature", .partitions = "urs", .code = ERR_ROOT_INCOMPLETE },
};

static void choice_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++) {
		const struct choice_case *c = &choices[i];
		struct partition partitions[4] = { 0 };
		struct gpt gpt = { .partitions = partitions, .n_partitions = strlen(c->partitions) };
		static const struct dps_wish any = { 0 };
		struct dps_verdicts verdicts = { .why = { "chosen as usr" } };
		const struct partition *found = NULL;
		struct err e = { 0 };

		for (size_t k = 0; k < gpt.n_partitions; k++) {
			char kind = c->partitions[k];

			partitions[k].type = *dps_type(kind == 'u' ? DPS_USR : DPS_ROOT,
						       kind == 'h' ? DPS_HASH :
						       kind == 's' ? DPS_SIGNATURE : DPS_DATA);
			snprintf(partitions[k].label, sizeof(partitions[k].label), "%s",
				 kind == 'e' ? "_empty" : "v1");
		}
		assert_code(state_choose(&gpt, &any, &verdicts, &found, &e), &e, c->code, c->name);
		assert_string_equal(verdicts.why[0], "chosen as usr");
		if (c->code == ERR_NONE && (found != &partitions[c->chosen] ||
					    strcmp(verdicts.why[c->chosen], "chosen") != 0))
			fail_msg("case '%s': another one", c->name);
	}
}

static const struct policy_case {
	const char *floor, *asked, *start;
	enum err_code code;
} policies[] = {
	{ "usr=signed:root=unprotected", "*", "\0\0\0\0\0\0", ERR_NONE },
	{ "usr=signed:root=signed+unprotected:=open", "*", "\0\0\0\0\0\0", ERR_NONE },
	{ "root=open:=open", "*", "\0\0\0\0\0\0", ERR_NONE },
	{ "usr=signed:=open", "*", "\0\0\0\0\0\0", ERR_ROOT_UNPROTECTED },
	{ "usr=signed", "*", "\0\0\0\0\0\0", ERR_ROOT_UNPROTECTED },
	{ "usr=signed:=unprotected", "*", "\0\0\0\0\0\0", ERR_ROOT_UNPROTECTED },
	{ "usr=signed:root=signed:=open", "*", "\0\0\0\0\0\0", ERR_ROOT_UNPROTECTED },
	{ "usr=signed:root=encrypted:=open", "*", "\0\0\0\0\0\0", ERR_ROOT_UNPROTECTED },
	{ "root=signed+unprotected", "root=signed:=open", "\0\0\0\0\0\0", ERR_ROOT_UNPROTECTED },
	{ "usr=signed:root=unprotected", "*", "LUKS\xba\xbe", ERR_POLICY_REFUSED },
	{ "usr=signed:root=encryptedwithintegrity", "*", "LUKS\xba\xbe", ERR_POLICY_REFUSED },
	{ "usr=signed:root=encrypted+unprotected", "root=unprotected:=open", "LUKS\xba\xbe", ERR_POLICY_REFUSED },
	{ "usr=signed:root=encrypted", "*", "LUKS\xba\xbe", ERR_NONE },
	{ "usr=signed:root=encrypted+unprotected", "*", "LUKS\xba\xbe", ERR_NONE },
	{ "usr=signed:root=encrypted+unprotected", "*", "\0\0\0\0\0\0", ERR_NONE },
	{ "usr=signed:root=encrypted", "*", "LUKS\xba", ERR_ROOT_UNPROTECTED },
	{ "usr=signed:=open", "*", "LUKS\xba\xbe", ERR_ROOT_UNPROTECTED },
};

static void policy_cases(void **state)
{
	static const struct partition p = { .number = 4, .label = "state" };

	(void)state;
	for (size_t i = 0; i < sizeof(policies) / sizeof(*policies); i++) {
		const struct policy_case *c = &policies[i];
		struct policy floor, policy;
		struct err e = { 0 };
		unsigned use = 0;

		assert_int_equal(policy_floor(c->floor, POLICY_USR, true, true, &floor, &e), 0);
		assert_int_equal(policy_parse(c->asked, &policy, &e), 0);
		assert_int_equal(policy_narrow(&policy, &floor, &e), 0);
		assert_code(state_check(&p, (const uint8_t *)c->start, &policy, &use, &e), &e, c->code, c->floor);
		if (!c->code && use != (*c->start ? USE_ENCRYPTED : USE_UNPROTECTED))
			fail_msg("case '%s': another use", c->floor);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(tree_cases), UNIT_TEST(choice_cases), UNIT_TEST(policy_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
