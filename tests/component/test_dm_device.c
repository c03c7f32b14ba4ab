/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What udev finds of a device-mapper device, with a /sys of our own. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <sys/sysmacros.h>

#include "modules/handover/handover.h"
#include "tests/component/sandbox.h"

static const struct dm_case {
	const char *name;
	const char *device; /* what /sys says of 253:7, NULL if nothing */
	bool has_rules;
	const char *expected;
} cases[] = {
	{ "without rules", "../../devices/virtual/block/dm-7", false,
	  "NONE\n/dev/mapper: control root=../dm-7\n/run/udev/data: absent\n" },
	{ "with rules", "../../devices/virtual/block/dm-7", true,
	  "NONE\n/dev/mapper: control root=../dm-7\n/run/udev/data: b253:7\n"
	  "101644 'E:DM_UDEV_PRIMARY_SOURCE_FLAG=1\nV:1\n'\n" },
	{ "no dm device", "../../devices/pci/block/vda", true,
	  "SYSTEM\n/dev/mapper: control root\n/run/udev/data: absent\n" },
	{ "no device", NULL, true, "SYSTEM\n/dev/mapper: control root\n/run/udev/data: absent\n" },
};

static void print_directory(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort);

	printf("%s:%s", path, n < 0 ? " absent" : "");
	for (int i = 0; i < n; i++) {
		char full[512], target[64] = "";

		if (strcmp(entries[i]->d_name, ".") == 0 || strcmp(entries[i]->d_name, "..") == 0)
			continue;
		snprintf(full, sizeof(full), "%s/%s", path, entries[i]->d_name);
		printf(" %s", entries[i]->d_name);
		if (readlink(full, target, sizeof(target) - 1) > 0)
			printf("=%s", target);
	}
	printf("\n");
}

static void hand_over(const void *arg)
{
	const struct dm_case *c = arg;
	struct err e = { 0 };
	struct stat st;
	char *text;
	size_t n;

	sandbox_mkdir("/dev/mapper");
	sandbox_mkdir("/sys/dev/block");
	/* Files in place of the nodes, which not everybody may make. */
	sandbox_write("/dev/mapper/control", "");
	sandbox_write("/dev/mapper/root", "");
	REQUIRE(!c->device || symlink(c->device, "/sys/dev/block/253:7") == 0);
	printf("%s\n", err_name(handover_dm_device("root", makedev(253, 7), c->has_rules, &e) < 0 ?
					e.code : ERR_NONE));
	print_directory("/dev/mapper");
	print_directory("/run/udev/data");
	if (stat("/run/udev/data/b253:7", &st) == 0 &&
	    file_read(AT_FDCWD, "/run/udev/data/b253:7", 100, &text, &n, &e) == 0)
		printf("%o '%s'\n", st.st_mode, text);
}

static void dm_cases(void **state)
{
	static char out[SANDBOX_OUTPUT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		sandbox_run(hand_over, NULL, &cases[i], out);
		if (strcmp(out, cases[i].expected) != 0)
			fail_msg("case '%s': got\n%s\nexpected\n%s", cases[i].name, out,
				 cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(dm_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
