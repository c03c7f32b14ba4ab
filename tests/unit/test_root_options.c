/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <sys/mount.h>

#include "init/core/log.h"
#include "modules/root/options.h"

#define ALWAYS (MS_RDONLY | MS_NODEV)

static const struct {
	const char *filesystem, *text;
	enum err_code code;
	unsigned long flags;
	const char *data;
} cases[] = {
	{ "erofs", NULL, ERR_NONE, ALWAYS, "" },
	{ "erofs", "", ERR_NONE, ALWAYS, "" },
	{ "erofs", ",,", ERR_NONE, ALWAYS, "" },
	{ "ext4", NULL, ERR_NONE, ALWAYS, "norecovery" },
	{ "xfs", NULL, ERR_NONE, ALWAYS, "norecovery" },
	{ "btrfs", "subvol=/a", ERR_NONE, ALWAYS, "rescue=nologreplay,subvol=/a" },
	{ "ext4", "data=ordered,errors=continue", ERR_NONE, ALWAYS,
	  "norecovery,data=ordered,errors=continue" },
	/* Nothing makes a proven volume writable or gives it devices. */
	{ "erofs", "rw,dev", ERR_NONE, ALWAYS, "" },
	{ "erofs", "ro,nodev,defaults", ERR_NONE, ALWAYS, "" },
	{ "erofs", "nosuid,noexec", ERR_NONE, ALWAYS | MS_NOSUID | MS_NOEXEC, "" },
	{ "erofs", "nosuid,suid", ERR_NONE, ALWAYS, "" },
	{ "erofs", "suid,nosuid", ERR_NONE, ALWAYS | MS_NOSUID, "" },
	{ "erofs", "noatime,relatime", ERR_NONE, ALWAYS | MS_RELATIME, "" },
	{ "erofs", "strictatime,noatime", ERR_NONE, ALWAYS | MS_NOATIME, "" },
	{ "erofs", "x-systemd.growfs,x-initrd.mount,nofail,_netdev", ERR_NONE, ALWAYS, "" },
	{ "erofs", "x-systemd.device-timeout=5,X-mount.mkdir,x-initrd.attach,x-,X-", ERR_NONE, ALWAYS, "" },
	{ "erofs", "noatime,cache_strategy=none,x-a,dax", ERR_NONE, ALWAYS | MS_NOATIME,
	  "cache_strategy=none,dax" },
	{ "erofs", "rox", ERR_NONE, ALWAYS, "rox" },
	/* Other devices are not covered by the root hash. */
	{ "erofs", "device=/dev/sdb", ERR_CMDLINE, 0, "" },
	{ "btrfs", "noatime,device=/dev/sdb", ERR_CMDLINE, 0, "" },
	{ "xfs", "logdev=/dev/sdb", ERR_CMDLINE, 0, "" },
	{ "xfs", "rtdev=/dev/sdb", ERR_CMDLINE, 0, "" },
	{ "ext4", "journal_dev=0x811", ERR_CMDLINE, 0, "" },
	{ "ext4", "journal_path=/dev/sdb", ERR_CMDLINE, 0, "" },
	{ "erofs", "fsid=a", ERR_CMDLINE, 0, "" },
	{ "erofs", "device", ERR_CMDLINE, 0, "" },
	{ "erofs", "devicex=1", ERR_NONE, ALWAYS, "devicex=1" },
};

static void option_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *name = cases[i].text ? cases[i].text : "(null)";
		struct root_options o = { 0 };
		struct err e;
		int rc = root_options_parse(cases[i].filesystem, cases[i].text, false, &o, &e);

		assert_code(rc, &e, cases[i].code, name);
		if (o.flags != cases[i].flags || strcmp(o.data, cases[i].data) != 0)
			fail_msg("'%s': flags %lx, data '%s'", name, o.flags, o.data);
	}
}

static void option_length(void **state)
{
	char text[ROOT_OPTIONS_BYTES + 1];
	struct root_options o;
	struct err e;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[ROOT_OPTIONS_BYTES - 2] = '\0';
	assert_int_equal(root_options_parse("erofs", text, false, &o, &e), 0);
	assert_string_equal(o.data, text);
	text[ROOT_OPTIONS_BYTES - 2] = 'a';
	text[ROOT_OPTIONS_BYTES] = '\0';
	assert_int_equal(root_options_parse("erofs", text, false, &o, &e), -ERR_CMDLINE);
}

/* What is not proven may be written to, and then its journal has to be replayed. */
static void writable(void **state)
{
	static const struct { const char *text; unsigned long flags; } said[] = {
		{ NULL, MS_NODEV }, { "rw", MS_NODEV }, { "ro", MS_NODEV | MS_RDONLY },
	};
	struct root_options o;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(*said); i++) {
		assert_int_equal(root_options_parse("ext4", said[i].text, true, &o, &e), 0);
		assert_int_equal(o.flags, said[i].flags);
		assert_string_equal(o.data, "");
	}
}

static void loosening_is_said(void **state)
{
	struct root_options o;
	struct err e;
	size_t n = 0;

	(void)state;
	while (log_warning_at(n))
		n++;
	assert_int_equal(root_options_parse("erofs", "noatime,rw", false, &o, &e), 0);
	assert_non_null(log_warning_at(n));
	assert_non_null(strstr(log_warning_at(n), "'rw'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(option_cases),
		UNIT_TEST(option_length),
		UNIT_TEST(writable),
		UNIT_TEST(loosening_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
