/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "modules/kernel/coldplug.h"
#include "modules/kernel/uevent.h"
#include "tests/unit/tree.h"

#define BYTES(text) (text), sizeof(text) /* with the last NUL */

static const struct {
	const char *name;
	const char *p;
	size_t n;
	bool ok, news;
	const char *subsystem, *modalias;
} cases[] = {
	/* Received from Linux 6.18 */
	{ "virtio driver", BYTES("add@/devices/pci0000:00/0000:00:02.0/virtio1\0ACTION=add\0"
	  "DEVPATH=/devices/pci0000:00/0000:00:02.0/virtio1\0SUBSYSTEM=virtio\0SYNTH_UUID=0\0"
	  "DRIVER=virtio_blk\0MODALIAS=virtio:d00000002v00001AF4\0SEQNUM=869"),
	  true, true, "virtio", "virtio:d00000002v00001AF4" },
	{ "disk", BYTES("add@/devices/virtual/block/loop1\0ACTION=add\0"
	  "DEVPATH=/devices/virtual/block/loop1\0SUBSYSTEM=block\0MAJOR=7\0MINOR=1\0DEVNAME=loop1\0"
	  "DEVTYPE=disk\0DISKSEQ=2\0SEQNUM=870"), true, true, "block", NULL },
	{ "changed", BYTES("change@/d\0ACTION=change\0DEVPATH=/d\0SUBSYSTEM=block"), true, true,
	  "block", NULL },
	{ "removed", BYTES("remove@/d\0ACTION=remove\0DEVPATH=/d\0SUBSYSTEM=block"), true, false,
	  "block", NULL },
	{ "module", BYTES("add@/module/loop\0ACTION=add\0DEVPATH=/module/loop\0SUBSYSTEM=module"),
	  true, false, "module", NULL },
	{ "driver", BYTES("add@/bus/x\0ACTION=add\0DEVPATH=/bus/x\0SUBSYSTEM=drivers"), true, false,
	  "drivers", NULL },
	{ "empty modalias", BYTES("add@/d\0ACTION=add\0DEVPATH=/d\0SUBSYSTEM=s\0MODALIAS="), true, true,
	  "s", "" },
	{ "longer key", BYTES("add@/d\0ACTION=add\0DEVPATH=/d\0SUBSYSTEM=s\0MODALIASES=x"), true, true,
	  "s", NULL },
	/* Not the kernel's */
	{ "nothing", "", 0, false, false, NULL, NULL },
	{ "one NUL", "", 1, false, false, NULL, NULL },
	{ "no NUL at the end", "add@/d\0ACTION=add\0DEVPATH=/d\0SUBSYSTEM=s", 38, false, false, NULL,
	  NULL },
	{ "libudev", BYTES("libudev\0\xfe\xed\xca\xfe\0ACTION=add\0DEVPATH=/d\0SUBSYSTEM=s"), false,
	  false, NULL, NULL },
	{ "header alone", BYTES("add@/d"), false, false, NULL, NULL },
	{ "other action", BYTES("add@/d\0ACTION=ad\0DEVPATH=/d\0SUBSYSTEM=s"), false, false, NULL, NULL },
	{ "other path", BYTES("add@/d\0ACTION=add\0DEVPATH=/\0SUBSYSTEM=s"), false, false, NULL, NULL },
	{ "no subsystem", BYTES("add@/d\0ACTION=add\0DEVPATH=/d"), false, false, NULL, NULL },
	{ "modalias twice", BYTES("add@/d\0ACTION=add\0DEVPATH=/d\0SUBSYSTEM=s\0MODALIAS=a\0MODALIAS=b"),
	  false, false, NULL, NULL },
};

static void same_text(const char *name, const char *got, const char *expected)
{
	if (!got != !expected || (got && strcmp(got, expected) != 0))
		fail_msg("case '%s': got '%s', expected '%s'", name, got ? got : "(none)",
			 expected ? expected : "(none)");
}

static void parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t *copy = malloc(cases[i].n + !cases[i].n);
		struct uevent u;
		bool ok;

		/* Exactly as large: reading on is seen by ASan. */
		memcpy(copy, cases[i].p, cases[i].n);
		ok = uevent_parse(copy, cases[i].n, &u);
		if (ok != cases[i].ok)
			fail_msg("case '%s': parsed: %d", cases[i].name, ok);
		if (ok) {
			same_text(cases[i].name, u.subsystem, cases[i].subsystem);
			same_text(cases[i].name, u.modalias, cases[i].modalias);
			if (uevent_is_news(&u) != cases[i].news)
				fail_msg("case '%s': news", cases[i].name);
		}
		free(copy);
	}
}

static void too_long(void **state)
{
	static uint8_t p[UEVENT_MAX_BYTES + 1];
	static const char start[] = "add@/d\0ACTION=add\0DEVPATH=/d\0SUBSYSTEM=s";
	struct uevent u;

	(void)state;
	memcpy(p, start, sizeof(start));
	assert_true(uevent_parse(p, UEVENT_MAX_BYTES, &u));
	assert_false(uevent_parse(p, UEVENT_MAX_BYTES + 1, &u));
}

static void collect(void *arg, const char *modalias)
{
	struct aliases *found = arg;

	if (!aliases_add(found, modalias))
		fail_msg("'%s' came twice", modalias);
}

static void coldplug_devices(void **state)
{
	static const char *const sys[] = {
		"f bus/pci/devices/0000:00:01.0/modalias pci:v1\n",
		"f bus/pci/devices/0000:00:02.0/modalias pci:v2\n",
		"f bus/pci/devices/0000:00:03.0/modalias pci:v1\n",
		"d bus/pci/devices/0000:00:04.0",
		"f bus/virtio/devices/virtio0/modalias virtio:d2",
		"f bus/usb/devices/1-1/modalias \n",
		"d bus/empty", "f class/block/sda/modalias wrong", NULL,
	};
	static const char *const expected[] = { "pci:v1", "virtio:d2" };
	struct aliases seen = { 0 }, found = { 0 };
	char root[32];

	(void)state;
	tree_make(sys, root);
	assert_true(aliases_add(&seen, "pci:v2"));
	coldplug(root, &seen, collect, &found);
	for (size_t i = 0; i < 2; i++)
		if (aliases_add(&found, expected[i]))
			fail_msg("'%s' was not found", expected[i]);
	assert_true(aliases_add(&found, "pci:v2"));
	assert_true(aliases_add(&found, "wrong"));
	assert_true(aliases_add(&found, ""));
	/* Once seen, nothing comes again; a machine without /sys has nothing. */
	coldplug(root, &seen, collect, &found);
	coldplug("/nonexistent", &seen, collect, &found);
	aliases_done(&seen);
	aliases_done(&found);
	tree_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(parse), UNIT_TEST(too_long), UNIT_TEST(coldplug_devices),
	};

	return cmocka_run_group_tests_name("uevent", tests, NULL, NULL);
}
