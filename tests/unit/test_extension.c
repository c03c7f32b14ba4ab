/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _XOPEN_SOURCE 700 /* nftw */
#define _DEFAULT_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "modules/disk/dps.h"
#include "modules/extension/accept.h"
#include "modules/extension/discover.h"
#include "modules/extension/merge.h"
#include "modules/extension/metadata.h"
#include "modules/extension/sidecar.h"
#include "modules/extension/tree.h"
#include "modules/extension/versioned.h"

static const struct extension_class *const sysext = &extension_classes[SYSEXT];
static const struct extension_class *const confext = &extension_classes[CONFEXT];

/* ---- a tree in a temporary directory, from a list of things to make ---- */

enum kind { END, DIRECTORY, FILE_WITH, LINK_TO, PIPE };

struct node {
	enum kind kind;
	const char *path, *content;
};

struct tree {
	char top[64];
	int fd;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void tree_remove(struct tree *t)
{
	close(t->fd);
	nftw(t->top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Parents are made as needed. */
static void make(const struct tree *t, const struct node *node)
{
	char path[512], parent[512];
	struct err e = { 0 };

	snprintf(path, sizeof(path), "%s/%s", t->top, node->path);
	snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = '\0';
	assert_code(make_dirs(parent, 0755, &e), &e, ERR_NONE, node->path);
	switch (node->kind) {
	case DIRECTORY:
		assert_return_code(mkdir(path, 0755), errno);
		break;
	case FILE_WITH:
		assert_code(file_write(path, 0644, node->content, strlen(node->content), &e), &e,
			    ERR_NONE, node->path);
		break;
	case LINK_TO:
		assert_return_code(symlink(node->content, path), errno);
		break;
	case PIPE:
		assert_return_code(mkfifo(path, 0644), errno);
		break;
	case END:
		break;
	}
}

static struct tree tree_make(const struct node *nodes)
{
	struct tree t = { .top = "/tmp/slipway-test-XXXXXX" };

	assert_non_null(mkdtemp(t.top));
	for (; nodes->kind != END; nodes++)
		make(&t, nodes);
	t.fd = open(t.top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(t.fd, errno);
	return t;
}

/* ---- discovery ---- */

/* NULL ends each list, too. */
static void same_list(const char *const *list, const char *const *expected)
{
	for (; *expected; list++, expected++) {
		assert_non_null(*list);
		assert_string_equal(*list, *expected);
	}
	assert_null(*list);
}

/* systemd's, in its order, then the copies of the ESP; never memory for the root. */
static void folders(void **state)
{
	static const char *const system[] = { "/etc/extensions", "/run/extensions", "/var/lib/extensions",
		"/.extra/sysext", "/.extra/global_sysext", "/run/slipway/esp/sysext", NULL };
	static const char *const configuration[] = { "/run/confexts", "/var/lib/confexts",
		"/usr/local/lib/confexts", "/.extra/confext", "/.extra/global_confext",
		"/run/slipway/esp/confext", NULL };
	static const char *const root_system[] = { "/sysroot/etc/extensions", "/sysroot/var/lib/extensions", NULL };
	static const char *const root_configuration[] = { "/sysroot/var/lib/confexts",
		"/sysroot/usr/local/lib/confexts", "/sysroot/usr/lib/confexts", NULL };

	(void)state;
	same_list(sysext->folders, system);
	same_list(confext->folders, configuration);
	same_list(sysext->root_folders, root_system);
	same_list(confext->root_folders, root_configuration);
}

static void discovery(void **state)
{
	static const struct node local[] = {
		{ FILE_WITH, "b_10.raw", "" },    { FILE_WITH, "b_9.sysext.raw", "" },
		{ FILE_WITH, "a.raw", "" },       { FILE_WITH, "a.sysext.raw", "" },
		{ FILE_WITH, "c.confext.raw", "" }, { FILE_WITH, ".hidden.raw", "" },
		{ FILE_WITH, "readme", "" },      { END, NULL, NULL },
	};
	static const struct node global[] = {
		{ FILE_WITH, "b_10.sysext.raw", "" }, { FILE_WITH, "d.raw", "" }, { END, NULL, NULL },
	};
	SCOPED(tree_remove) struct tree t = tree_make(local), u = tree_make(global);
	static struct found_list list;
	struct err e = { 0 };

	(void)state;
	assert_code(discover(sysext, t.top, false, &list, &e), &e, ERR_NONE, "local");
	assert_code(discover(sysext, u.top, false, &list, &e), &e, ERR_NONE, "global");
	assert_code(discover(sysext, "/nonexistent", true, &list, &e), &e, ERR_NONE, "missing folder");
	discover_sort(&list);
	assert_int_equal(list.n, 4);
	assert_string_equal(list.at[0].name, "a");
	assert_string_equal(list.at[0].file, "a.raw");
	assert_string_equal(list.at[1].name, "b_9");
	assert_string_equal(list.at[2].name, "b_10");
	assert_ptr_equal(list.at[2].directory, t.top);
	assert_string_equal(list.at[3].name, "d");
	assert_ptr_equal(list.at[3].directory, u.top);
	list.n = 0;
	assert_code(discover(confext, t.top, false, &list, &e), &e, ERR_NONE, "confext");
	discover_sort(&list);
	assert_int_equal(list.n, 3);
	assert_string_equal(list.at[0].name, "a");
	assert_string_equal(list.at[1].name, "b_10");
	assert_string_equal(list.at[2].name, "c");
}

/* Folders of the initrd's own: directories, the newest of several, masks. */
static void own_folders(void **state)
{
	static const struct node first[] = {
		{ FILE_WITH, "dir/usr/a", "" },          { FILE_WITH, "dir2.sysext/usr/a", "" },
		{ DIRECTORY, "masked", NULL },           { FILE_WITH, "other.confext/etc/a", "" },
		{ FILE_WITH, "pick.raw.v/pick_9.raw", "" }, { FILE_WITH, "pick.raw.v/pick_10.raw", "" },
		{ FILE_WITH, "pick.raw.v/pick_11+0-2.raw", "" }, { FILE_WITH, "pick.raw.v/x_99.raw", "" },
		{ DIRECTORY, "pick.raw.v/pick_12.raw", NULL }, { FILE_WITH, "pick.raw.v/pick_13", "" },
		{ FILE_WITH, "tree.v/tree_1/usr/a", "" }, { FILE_WITH, "tree.v/tree_2", "" },
		{ DIRECTORY, "none.v", NULL },           { LINK_TO, "link", "dir" },
		{ FILE_WITH, "image.raw", "" },          { FILE_WITH, "image.verity", "" },
		{ END, NULL, NULL },
	};
	static const struct node second[] = {
		{ FILE_WITH, "masked.raw", "" }, { FILE_WITH, "dir.raw", "" },
		{ FILE_WITH, "late.raw", "" },   { END, NULL, NULL },
	};
	static const struct { const char *name, *file; enum found_kind kind; } expected[] = {
		{ "dir", "dir", FOUND_DIRECTORY },
		{ "dir2", "dir2.sysext", FOUND_DIRECTORY },
		{ "image", "image.raw", FOUND_IMAGE },
		{ "late", "late.raw", FOUND_IMAGE },
		{ "pick", "pick.raw.v/pick_10.raw", FOUND_IMAGE },
		{ "tree", "tree.v/tree_1", FOUND_DIRECTORY },
	};
	SCOPED(tree_remove) struct tree t = tree_make(first), u = tree_make(second);
	static struct found_list list;
	struct err e = { 0 };

	(void)state;
	assert_code(discover(sysext, t.top, true, &list, &e), &e, ERR_NONE, "first");
	assert_code(discover(sysext, u.top, false, &list, &e), &e, ERR_NONE, "second");
	discover_sort(&list);
	assert_int_equal(list.n, sizeof(expected) / sizeof(*expected));
	for (size_t i = 0; i < list.n; i++) {
		assert_string_equal(list.at[i].name, expected[i].name);
		assert_string_equal(list.at[i].file, expected[i].file);
		assert_int_equal(list.at[i].kind, expected[i].kind);
		assert_int_equal(list.at[i].own, i != 3);
	}
	/* Of somebody else's folder nothing but images. */
	list.n = 0;
	assert_code(discover(sysext, t.top, false, &list, &e), &e, ERR_NONE, "not own");
	assert_int_equal(list.n, 1);
	assert_string_equal(list.at[0].name, "image");
}

static void versions(void **state)
{
	static const struct { const char *file, *version; bool spent; } cases[] = {
		{ "a_1.raw", "1", false },          { "a_1.2+3.raw", "1.2", false },
		{ "a_1+0.raw", "1", true },         { "a_1+00-7.raw", "1", true },
		{ "a_1+2-1.raw", "1", false },      { "a_1+x.raw", "1+x", false },
		{ "a_1+2-.raw", "1+2-", false },    { "a_1+.raw", "1+", false },
		{ "a_1_sparc.raw", "1_sparc", false }, { "a_1_s390x.raw", NULL, false },
		{ "a_s390x.raw", "s390x", false },  { "a_.raw", NULL, false },
		{ "a_+3.raw", NULL, false },        { "a.raw", NULL, false },
		{ "b_1.raw", NULL, false },         { "ab_1.raw", NULL, false },
		{ "a_1.img", NULL, false },
	};
	static const struct { const char *older, *newer; } orders[] = {
		{ "a_9.raw", "a_10.raw" }, { "a_2+0.raw", "a_1.raw" }, { "a_2+0.raw", "a_3+0-1.raw" },
		{ "a_1+1.raw", "a_2.raw" },
	};
	struct versioned v, w;
	char own[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bool good = versioned_parse(cases[i].file, "a", ".raw", &v);

		if (good != !!cases[i].version || (good && (strcmp(v.version, cases[i].version) != 0 ||
							    v.spent != cases[i].spent)))
			fail_msg("'%s': '%s'", cases[i].file, good ? v.version : "(none)");
	}
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		assert_true(versioned_parse(orders[i].older, "a", ".raw", &v));
		assert_true(versioned_parse(orders[i].newer, "a", ".raw", &w));
		if (versioned_compare(&v, &w) >= 0 || versioned_compare(&w, &v) <= 0)
			fail_msg("'%s' and '%s'", orders[i].older, orders[i].newer);
	}
	snprintf(own, sizeof(own), "a_1_%s+1.raw", dps_architecture());
	assert_true(versioned_parse(own, "a", ".raw", &v));
	assert_string_equal(v.version, "1");
}

static void sidecars(void **state)
{
#define DIGITS_63 "0123456789012345678901234567890123456789012345678901234567890ab"
	static const struct { const char *hash; enum err_code code; } cases[] = {
		{ DIGITS_63 "c", ERR_NONE },       { DIGITS_63 "c\n", ERR_NONE },
		{ DIGITS_63, ERR_EXTENSION_MALFORMED }, { "", ERR_EXTENSION_MALFORMED },
		{ "0011", ERR_EXTENSION_MALFORMED }, { DIGITS_63 "x", ERR_EXTENSION_MALFORMED },
		{ DIGITS_63 "c" DIGITS_63 "c00", ERR_EXTENSION_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		SCOPED(verity_set_done) struct verity_set set = { 0 };
		struct err e = { 0 };

		assert_code(sidecar_parse(cases[i].hash, (const uint8_t *)"der", i % 2 ? 0 : 3, &set, &e),
			    &e, cases[i].code, cases[i].hash);
		if (cases[i].code)
			continue;
		assert_int_equal(set.root_hash_bytes, 32);
		assert_int_equal(set.parsed.der_bytes, i % 2 ? 0 : 3);
		assert_string_equal(set.parsed.root_hash_text, i % 2 ? "" : DIGITS_63 "c");
	}
}

static void at_most_64(void **state)
{
	static const struct node none[] = { { END, NULL, NULL } };
	SCOPED(tree_remove) struct tree t = tree_make(none);
	static struct found_list list;
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < MAX_EXTENSIONS + 3; i++) {
		char name[32];

		snprintf(name, sizeof(name), "x%03d.raw", i);
		make(&t, &(struct node){ FILE_WITH, name, "" });
	}
	assert_code(discover(sysext, t.top, false, &list, &e), &e, ERR_NONE, "many");
	assert_int_equal(list.n, MAX_EXTENSIONS);
	assert_string_equal(list.at[MAX_EXTENSIONS - 1].name, "x063");
}

/* ---- what a tree may hold ---- */

static void links(void **state)
{
	static const struct { const char *path, *target; bool stays; } cases[] = {
		{ "usr/lib/a", "b", true },
		{ "usr/lib/a", "./b//c/", true },
		{ "usr/lib/a", "../bin/b", true },
		{ "usr/lib/a", "../../opt/b", true },
		{ "usr/lib/a", "../../../../usr/b", true },
		{ "usr/lib/a", "/usr/b", true },
		{ "usr/lib/a", "//opt", true },
		{ "usr/lib/a", ".", true },
		{ "usr/lib/a", "..", true },
		{ "usr/a", "..", false },
		{ "usr/lib/a", "../..", false },
		{ "usr/lib/a", "../../etc/b", false },
		{ "usr/lib/a", "../../etc/../usr/b", false },
		{ "usr/lib/a", "../../usrx/b", false },
		{ "usr/lib/a", "b/../c", false },
		{ "usr/lib/a", "/usr/../etc", false },
		{ "usr/lib/a", "/../usr/b", false },
		{ "usr/lib/a", "/etc/passwd", false },
		{ "usr/lib/a", "/dev/null", false },
		{ "usr/lib/a", "/", false },
		{ "usr/lib/a", "/us", false },
		{ "usr/lib/a", "...", true },
		{ "usr/lib/a", "..b", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (tree_link_stays(sysext, cases[i].path, cases[i].target) != cases[i].stays)
			fail_msg("'%s' -> '%s'", cases[i].path, cases[i].target);
	/* Configuration may lead to what the initrd has beside it. */
	assert_true(tree_link_stays(confext, "etc/a", "/usr/lib/a"));
	assert_true(tree_link_stays(confext, "etc/b/a", "../c"));
	assert_true(tree_link_stays(confext, "etc/a", "../usr/lib/a"));
	assert_false(tree_link_stays(confext, "etc/a", "../run/a"));
	assert_false(tree_link_stays(confext, "etc/a", "/dev/null"));
}

static void forbidden_paths(void **state)
{
	static const struct { const char *path; bool is_directory, forbidden; } cases[] = {
		{ "usr", true, false },           { "usr", false, true },
		{ "usr/lib", true, false },       { "usr/lib", false, true },
		{ "usr/local/lib", false, true }, { "usr/lib/verity.d", true, true },
		{ "usr/local/lib/verity.d", true, true }, { "usr/lib/slipway", true, true },
		{ "usr/lib/slipway", false, true }, { "usr/lib/slipwayx", true, false },
		{ "usr/lib/os-release", false, true }, { "usr/.systemd-sysext", true, true },
		{ "usr/li", false, false },       { "usr/share", false, false },
		{ "etc/slipway.conf", false, true }, { "etc/slipway", true, true },
		{ "etc/slipway.manifest", false, true }, { "etc/verity.d", true, true },
		{ "etc/initrd-release", false, true }, { "etc/os-release", false, true },
		{ "etc/.systemd-confext", true, true }, { "etc/modprobe.d", true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (!!tree_forbids(cases[i].path, cases[i].is_directory) != cases[i].forbidden)
			fail_msg("'%s'", cases[i].path);
}

static bool has_gate(const void *text, const char *path)
{
	return strcmp(path, text) == 0;
}

static void hooks_that_an_extension_may_bring(void **state)
{
	static const struct tree_hooks with_gate = { has_gate, "usr/lib/slipway/hooks/checked/gate" };
	static const struct { const char *path; bool is_directory, forbidden, forbidden_with; } cases[] = {
		{ "usr/lib/slipway", true, true, false },
		{ "usr/lib/slipway", false, true, true },
		{ "usr/lib/slipway/hooks", true, false, false },
		{ "usr/lib/slipway/hooks", false, false, true },
		{ "usr/lib/slipway/hooks/checked", true, false, false },
		{ "usr/lib/slipway/hooks/checked/led", false, false, false },
		{ "usr/lib/slipway/hooks/checked/led.hook", false, false, false },
		{ "usr/lib/slipway/hooks/proven/gate", false, false, false },
		{ "usr/lib/slipway/hooks/checked/gate", false, false, true },
		{ "usr/lib/slipway/hooks/checked/gate.hook", false, false, true },
		{ "usr/lib/slipway/hooks/checked/gate", true, false, true },
		{ "usr/lib/slipway/hooks/checked/other", true, false, true },
		{ "usr/lib/slipway/hooks/attribute", false, false, true },
		{ "usr/lib/slipway/init", false, false, true },
		{ "usr/lib/slipway/hooksx", true, false, true },
		{ "usr/lib/slipways", true, false, false },
		{ "usr/lib/verity.d", true, true, true },
		{ "usr/lib", false, true, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		/* What lies below a forbidden folder is not looked at. */
		if (!!tree_forbids(cases[i].path, cases[i].is_directory) != cases[i].forbidden)
			fail_msg("without: '%s'", cases[i].path);
		if (!!tree_forbids_with(&with_gate, cases[i].path, cases[i].is_directory) !=
		    cases[i].forbidden_with)
			fail_msg("with: '%s'", cases[i].path);
	}
}

static void trees(void **state)
{
	static const struct {
		const char *name;
		struct node nodes[4];
		enum err_code code;
		const char *what;
	} cases[] = {
		{ "empty", { { END, NULL, NULL } }, ERR_NONE, "" },
		{ "good", { { FILE_WITH, "usr/lib/a", "" }, { LINK_TO, "usr/lib/b", "a" },
			    { DIRECTORY, "opt/x/y", NULL } }, ERR_NONE, "" },
		{ "what is not merged does not matter",
		  { { LINK_TO, "etc/a", "/root" }, { PIPE, "srv/p", NULL } }, ERR_NONE, "" },
		{ "link out", { { LINK_TO, "usr/lib/b", "/etc/passwd" } }, ERR_EXTENSION_MALFORMED,
		  "its '/usr/lib/b' is a link that leaves /usr and /opt" },
		{ "link out of opt", { { LINK_TO, "opt/x/y/b", "../../../var" } },
		  ERR_EXTENSION_MALFORMED, "its '/opt/x/y/b' is a link that leaves /usr and /opt" },
		{ "pipe", { { PIPE, "usr/p", NULL } }, ERR_EXTENSION_MALFORMED,
		  "its '/usr/p' is neither file, directory nor link" },
		{ "anchors", { { FILE_WITH, "usr/lib/verity.d/x.crt", "" } },
		  ERR_EXTENSION_MALFORMED, "its '/usr/lib/verity.d' would replace trust anchors" },
		{ "hooks", { { FILE_WITH, "usr/lib/slipway/hook", "" } }, ERR_EXTENSION_MALFORMED,
		  "its '/usr/lib/slipway' would replace hooks or settings of the initrd" },
		{ "system", { { FILE_WITH, "usr/lib/os-release", "" } }, ERR_EXTENSION_MALFORMED,
		  "its '/usr/lib/os-release' is what makes a whole system, not an extension" },
		{ "link over lib", { { LINK_TO, "usr/lib", "share" } }, ERR_EXTENSION_MALFORMED,
		  "its '/usr/lib' must be a directory" },
		{ "usr is a link", { { LINK_TO, "usr", "opt" } }, ERR_EXTENSION_MALFORMED,
		  "its '/usr' must be a directory" },
		{ "escape sequence", { { PIPE, "usr/\x1b[m", NULL } }, ERR_EXTENSION_MALFORMED,
		  "its '/usr/?[m' is neither file, directory nor link" },
		{ "31 below usr", { { FILE_WITH, "usr/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7"
			    "/8/9/0/1/a", "" } }, ERR_NONE, "" },
		{ "32 below usr", { { FILE_WITH, "usr/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7"
			    "/8/9/0/1/2/a", "" } }, ERR_EXTENSION_MALFORMED,
		  "its '/usr/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2' "
		  "lies too deep" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		SCOPED(tree_remove) struct tree t = tree_make(cases[i].nodes);
		struct err e = { 0 };

		assert_code(tree_check(t.fd, sysext, NULL, &e), &e, cases[i].code, cases[i].name);
		assert_string_equal(e.what, cases[i].what);
	}
}

static void configuration_trees(void **state)
{
	static const struct { struct node nodes[4]; const char *what; } cases[] = {
		{ { { FILE_WITH, "etc/a", "" }, { LINK_TO, "etc/b", "/usr/b" }, { PIPE, "usr/p", NULL } },
		  "" },
		{ { { FILE_WITH, "etc/slipway.conf", "" } },
		  "its '/etc/slipway.conf' would replace hooks or settings of the initrd" },
		{ { { LINK_TO, "etc/b", "/run/b" } },
		  "its '/etc/b' is a link that leaves /etc, /usr and /opt" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		SCOPED(tree_remove) struct tree t = tree_make(cases[i].nodes);
		struct err e = { 0 };

		assert_code(tree_check(t.fd, confext, NULL, &e), &e,
			    *cases[i].what ? ERR_EXTENSION_MALFORMED : ERR_NONE, cases[i].what);
		assert_string_equal(e.what, cases[i].what);
	}
}

/* ---- release files ---- */

#define RELEASES "usr/lib/extension-release.d/extension-release."

static void metadata(void **state)
{
	static const struct {
		const char *name;
		struct node nodes[4];
		const char *marked; /* gets the mark that lets it serve any name */
		enum err_code code;
		const char *id;
	} cases[] = {
		{ "own name", { { FILE_WITH, RELEASES "foo_1", "ID=own" },
				{ FILE_WITH, RELEASES "foo", "ID=other" } }, NULL, ERR_NONE, "own" },
		{ "without version", { { FILE_WITH, RELEASES "foo", "ID=other" },
				       { FILE_WITH, RELEASES "bar", "ID=bar" } }, NULL, ERR_NONE, "other" },
		{ "other version", { { FILE_WITH, RELEASES "foo_2", "" } }, NULL,
		  ERR_EXTENSION_MALFORMED, NULL },
		{ "marked", { { FILE_WITH, RELEASES "bar", "ID=bar" } }, RELEASES "bar", ERR_NONE,
		  "bar" },
		{ "two fit", { { FILE_WITH, RELEASES "foo", "" }, { FILE_WITH, RELEASES "bar", "" } },
		  RELEASES "bar", ERR_EXTENSION_MALFORMED, NULL },
		{ "no folder", { { FILE_WITH, "usr/lib/a", "" } }, NULL, ERR_EXTENSION_MALFORMED, NULL },
		{ "empty folder", { { DIRECTORY, "usr/lib/extension-release.d", NULL } }, NULL,
		  ERR_EXTENSION_MALFORMED, NULL },
		{ "link", { { FILE_WITH, "usr/a", "ID=a" }, { LINK_TO, RELEASES "foo_1", "../../a" } },
		  NULL, ERR_EXTENSION_MALFORMED, NULL },
		{ "link on the way", { { FILE_WITH, "usr/x/extension-release.d/extension-release.foo_1",
					"ID=a" }, { LINK_TO, "usr/lib", "x" } }, NULL,
		  ERR_EXTENSION_MALFORMED, NULL },
		{ "pipe", { { PIPE, RELEASES "foo_1", NULL } }, NULL, ERR_EXTENSION_MALFORMED, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		SCOPED(tree_remove) struct tree t = tree_make(cases[i].nodes);
		struct release r = { 0 };
		struct err e = { 0 };
		char path[256];

		snprintf(path, sizeof(path), "%s/%s", t.top, cases[i].marked ? cases[i].marked : "");
		/* Some file systems for /tmp have no such attributes. */
		if (cases[i].marked &&
		    setxattr(path, "user.extension-release.strict", "0", 1, 0) < 0 && errno == ENOTSUP)
			continue;
		assert_code(metadata_read(t.fd, sysext, "foo_1", &r, &e), &e, cases[i].code, cases[i].name);
		if (cases[i].id)
			assert_string_equal(r.id, cases[i].id);
		release_done(&r);
	}
}

/* What serves one class is nothing to the other. */
static void metadata_by_class(void **state)
{
	static const struct node nodes[] = {
		{ FILE_WITH, RELEASES "foo", "ID=system" },
		{ FILE_WITH, "etc/extension-release.d/extension-release.foo", "ID=configuration" },
		{ FILE_WITH, "etc/extension-release.d/extension-release.bar", "ID=bar" },
		{ END, NULL, NULL },
	};
	SCOPED(tree_remove) struct tree t = tree_make(nodes);
	struct release r = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_code(metadata_read(t.fd, sysext, "foo", &r, &e), &e, ERR_NONE, "sysext");
	assert_string_equal(r.id, "system");
	release_done(&r);
	assert_code(metadata_read(t.fd, confext, "foo", &r, &e), &e, ERR_NONE, "confext");
	assert_string_equal(r.id, "configuration");
	release_done(&r);
	assert_code(metadata_read(t.fd, sysext, "bar", &r, &e), &e, ERR_EXTENSION_MALFORMED, "bar");
	assert_string_equal(e.what, "it has no '/usr/lib/extension-release.d/extension-release.bar'");
}

static void large_release_file(void **state)
{
	static char text[64 * 1024 + 2];
	static const struct node none[] = { { END, NULL, NULL } };
	SCOPED(tree_remove) struct tree t = tree_make(none);
	struct node node = { FILE_WITH, RELEASES "foo", text };
	struct release r = { 0 };
	struct err e = { 0 };

	(void)state;
	memset(text, '\n', sizeof(text) - 2);
	make(&t, &node);
	assert_code(metadata_read(t.fd, sysext, "foo", &r, &e), &e, ERR_NONE, "64 KiB");
	release_done(&r);
	text[sizeof(text) - 2] = '\n';
	make(&t, &node);
	assert_code(metadata_read(t.fd, sysext, "foo", &r, &e), &e, ERR_EXTENSION_MALFORMED, "one more");
}

/* ---- what the root says it is ---- */

static void os_release_of_the_root(void **state)
{
	static const char etc[] = "ID=etc\n", usr[] = "ID=usr\n";
	static const struct { const char *name, *id; bool usr_only; struct node nodes[4]; } cases[] = {
		{ "etc first", "etc", false, { { FILE_WITH, "etc/os-release", etc }, { FILE_WITH, "usr/lib/os-release", usr } } },
		{ "etc alone", "etc", false, { { FILE_WITH, "etc/os-release", etc } } },
		{ "usr alone", "usr", false, { { FILE_WITH, "usr/lib/os-release", usr } } },
		{ "etc does not count", "usr", true, { { FILE_WITH, "etc/os-release", etc }, { FILE_WITH, "usr/lib/os-release", usr } } },
		{ "etc alone does not count", NULL, true, { { FILE_WITH, "etc/os-release", etc } } },
		{ "a link", "usr", false, { { LINK_TO, "etc/os-release", "../usr/lib/os-release" }, { FILE_WITH, "usr/lib/os-release", usr } } },
		{ "a link from the top", "x", false, { { LINK_TO, "usr/lib/os-release", "/usr/share/x" }, { FILE_WITH, "usr/share/x", "ID=x\n" } } },
		{ "a link to what the root lacks", "usr", false, { { LINK_TO, "etc/os-release", "/proc/version" }, { FILE_WITH, "usr/lib/os-release", usr } } },
		{ "a link out", NULL, false, { { LINK_TO, "usr/lib/os-release", "/etc/os-release" } } },
		{ "a pipe", NULL, false, { { PIPE, "etc/os-release", NULL }, { FILE_WITH, "usr/lib/os-release", usr } } },
		{ "a folder", NULL, false, { { DIRECTORY, "etc/os-release", NULL }, { FILE_WITH, "usr/lib/os-release", usr } } },
		{ "nothing", NULL, false, { { DIRECTORY, "usr", NULL } } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		SCOPED(tree_remove) struct tree t = tree_make(cases[i].nodes);
		SCOPED(release_done) struct release r = { 0 };

		accept_read_release(t.top, cases[i].usr_only, &r);
		if (!r.id != !cases[i].id || (r.id && strcmp(r.id, cases[i].id) != 0))
			fail_msg("'%s': got %s", cases[i].name, r.id ? r.id : "none");
	}
}

/* Then nothing but an extension for any system fits. */
static void os_release_is_bounded(void **state)
{
	static char text[64 * 1024 + 2] = "ID=x\n#";
	static const struct node nodes[] = { { FILE_WITH, "etc/os-release", text }, { END, NULL, NULL } };

	(void)state;
	memset(text + 6, '#', sizeof(text) - 7);
	for (int over = 1; over >= 0; over--) {
		SCOPED(release_done) struct release r = { 0 };
		struct tree t;

		text[64 * 1024 + over] = '\0';
		t = tree_make(nodes);
		accept_read_release(t.top, false, &r);
		assert_int_equal(!r.id, over);
		tree_remove(&t);
	}
}

/* ---- overlays ---- */

static void overlay_options(void **state)
{
	static const struct layer layers[] = { { "old", "/w/00" }, { "new", "/w/01" } };
	static const char expected[] = "redirect_dir=nofollow,metacopy=off,lowerdir=/run/slipway/x"
				       "/meta/usr:/w/01/usr:/w/00/usr:/usr";
	char text[sizeof(expected)];

	(void)state;
	assert_int_equal(merge_options(&merge_initrd, "/usr", layers, 2, text, sizeof(text)), 0);
	assert_string_equal(text, expected);
	assert_int_equal(merge_options(&merge_initrd, "/usr", layers, 2, text, sizeof(text) - 1), -1);
}

/* As many as there can be must fit the page that the kernel takes. */
static void all_layers_fit(void **state)
{
	struct layer layers[MAX_EXTENSIONS];
	char text[4096];

	(void)state;
	for (size_t i = 0; i < MAX_EXTENSIONS; i++)
		layers[i] = (struct layer){ "x", "/run/slipway/x/63" };
	assert_int_equal(merge_options(&merge_initrd, "/usr", layers, MAX_EXTENSIONS, text, sizeof(text)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(folders), UNIT_TEST(discovery), UNIT_TEST(own_folders), UNIT_TEST(versions), UNIT_TEST(sidecars), UNIT_TEST(at_most_64), UNIT_TEST(links),
		UNIT_TEST(forbidden_paths), UNIT_TEST(hooks_that_an_extension_may_bring),
		UNIT_TEST(trees), UNIT_TEST(configuration_trees), UNIT_TEST(metadata),
		UNIT_TEST(metadata_by_class), UNIT_TEST(large_release_file),
		UNIT_TEST(os_release_of_the_root), UNIT_TEST(os_release_is_bounded),
		UNIT_TEST(overlay_options), UNIT_TEST(all_layers_fit),
	};

	return cmocka_run_group_tests_name("extension", tests, NULL, NULL);
}
