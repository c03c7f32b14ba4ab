/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include "modules/root/purpose.h"

#define TYPE "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
#define LIST(text) text, sizeof(text) - 1

static const struct purpose_case {
	const char *name;
	enum purpose_kind kind;
	const char *list;
	size_t n;
	enum err_code code;
	const char *says;
} cases[] = {
	{ "no mount point", PURPOSE_MOUNT_POINT, LIST(""), ERR_NONE, NULL },
	{ "mount point", PURPOSE_MOUNT_POINT, LIST("/usr\0"), ERR_NONE, NULL },
	{ "no zero byte at the end", PURPOSE_MOUNT_POINT, LIST("/usr"), ERR_NONE, NULL },
	{ "slash at the end", PURPOSE_MOUNT_POINT, LIST("/usr/\0"), ERR_NONE, NULL },
	{ "last of several", PURPOSE_MOUNT_POINT, LIST("/\0/a\0/usr\0"), ERR_NONE, NULL },
	{ "first of several", PURPOSE_MOUNT_POINT, LIST("/usr\0/a"), ERR_NONE, NULL },
	{ "another mount point", PURPOSE_MOUNT_POINT, LIST("/\0"), ERR_ROOT_MISPLACED,
	  "the mount point is '/usr', and user.validatefs.mount_point of the file system lists only '/'" },
	{ "others", PURPOSE_MOUNT_POINT, LIST("/\0/srv"), ERR_ROOT_MISPLACED, "lists only '/', '/srv'" },
	{ "below it", PURPOSE_MOUNT_POINT, LIST("/usr/a"), ERR_ROOT_MISPLACED, "'/usr/a'" },
	{ "only the beginning", PURPOSE_MOUNT_POINT, LIST("/us"), ERR_ROOT_MISPLACED, "'/us'" },
	{ "relative", PURPOSE_MOUNT_POINT, LIST("usr"), ERR_ROOT_MISPLACED, "'usr', which is no mount point" },
	{ "broken beside a good one", PURPOSE_MOUNT_POINT, LIST("/usr\0//usr\0"), ERR_ROOT_MISPLACED, "no mount" },
	{ "dots", PURPOSE_MOUNT_POINT, LIST("/a/../usr"), ERR_ROOT_MISPLACED, "no mount point" },
	{ "dot", PURPOSE_MOUNT_POINT, LIST("/usr/."), ERR_ROOT_MISPLACED, "no mount point" },
	{ "dots in a name", PURPOSE_MOUNT_POINT, LIST("/..a\0/.b\0/usr"), ERR_NONE, NULL },
	{ "empty one", PURPOSE_MOUNT_POINT, LIST("/usr\0\0"), ERR_ROOT_MISPLACED, "'', which" },
	{ "control character", PURPOSE_MOUNT_POINT, LIST("/usr\0/a\n"), ERR_ROOT_MISPLACED, "'/a?'" },
	{ "no UTF-8", PURPOSE_MOUNT_POINT, LIST("/usr\0/\xff"), ERR_ROOT_MISPLACED, "no mount point" },

	{ "no label", PURPOSE_LABEL, LIST(""), ERR_NONE, NULL },
	{ "label", PURPOSE_LABEL, LIST("other\0ab\xc3\xa9_1\0"), ERR_NONE, NULL },
	{ "another label", PURPOSE_LABEL, LIST("ab\xc3\xa9_2\0"), ERR_ROOT_MISPLACED,
	  "the label of 'vda2' is 'ab\xc3\xa9_1', and user.validatefs.gpt_label of the file system lists only 'ab\xc3\xa9_2'" },
	{ "no label at all", PURPOSE_LABEL, LIST("\0"), ERR_ROOT_MISPLACED, "lists only ''" },
	{ "label with control character", PURPOSE_LABEL, LIST("ab\xc3\xa9_1\0\x1b"), ERR_ROOT_MISPLACED, "no label" },

	{ "no type", PURPOSE_TYPE, LIST(""), ERR_NONE, NULL },
	{ "type", PURPOSE_TYPE, LIST(TYPE "\0"), ERR_NONE, NULL },
	{ "upper case", PURPOSE_TYPE, LIST("4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"), ERR_NONE, NULL },
	{ "no dashes", PURPOSE_TYPE, LIST("4f68bce3e8cd4db196e7fbcaf984b709"), ERR_NONE, NULL },
	{ "another type", PURPOSE_TYPE, LIST("8484680c-9521-48c6-9c11-b0720656f69e\0"), ERR_ROOT_MISPLACED,
	  "the type UUID of 'vda2' is '" TYPE "', and user.validatefs.gpt_type_uuid" },
	{ "cut", PURPOSE_TYPE, LIST(TYPE "\0004f68bce3-e8cd"), ERR_ROOT_MISPLACED, "no type UUID" },
	{ "more behind", PURPOSE_TYPE, LIST(TYPE "0"), ERR_ROOT_MISPLACED, "no type UUID" },
	{ "name of a type", PURPOSE_TYPE, LIST("root"), ERR_ROOT_MISPLACED, "no type UUID" },
};

static struct partition sample(void)
{
	struct partition p = { .label = "ab\xc3\xa9_1", .devname = "vda2" };

	assert_true(uuid_from_text(TYPE, &p.type));
	return p;
}

static void judges(void **state)
{
	const struct partition partition = sample();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct purpose_case *c = &cases[i];
		struct purpose p = { 0 };
		struct err e = { 0 };
		int rc;

		memcpy(p.lists[c->kind].bytes, c->list, c->n);
		p.lists[c->kind].n_bytes = c->n;
		rc = c->kind == PURPOSE_MOUNT_POINT ? purpose_check_mount_point(&p, "/usr", &e) :
						      purpose_check_partition(&p, &partition, &e);
		assert_code(rc, &e, c->code, c->name);
		if (c->says && !strstr(e.what, c->says))
			fail_msg("case '%s': says '%s'", c->name, e.what);
	}
}

/* As many as there can be: all are looked at, and what is said of them is cut. */
static void longest(void **state)
{
	struct purpose p = { .lists[PURPOSE_MOUNT_POINT].n_bytes = PURPOSE_MAX_BYTES };
	char *text = p.lists[PURPOSE_MOUNT_POINT].bytes;
	struct err e;

	(void)state;
	for (size_t i = 0; i < PURPOSE_MAX_BYTES; i += 2)
		text[i] = '/';
	assert_int_equal(purpose_check_mount_point(&p, "/usr", &e), -ERR_ROOT_MISPLACED);
	assert_true(strlen(e.what) < sizeof(e.what) - 1);
	memset(text, 'a', PURPOSE_MAX_BYTES);
	text[0] = '/';
	assert_int_equal(purpose_check_mount_point(&p, "/usr", &e), -ERR_ROOT_MISPLACED);
	memcpy(text + PURPOSE_MAX_BYTES - 6, "a\0/usr", 6);
	assert_int_equal(purpose_check_mount_point(&p, "/usr", &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(judges),
		UNIT_TEST(longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
