/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which root a boot takes, how it is mounted, and what ends it. What only a kernel with dm-verity can
 * show is for tests/boot. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "tests/component/whole_boot.h"

static void secure_boot(void)
{
	machine_efi("SecureBoot", GLOBAL, "\1", 1);
	machine_efi("SetupMode", GLOBAL, "\0", 1);
	machine_efi_text("LoaderDevicePartUUID", ESP_UUID);
}

/* A machine that takes records; of its port the host sees what came. */
static void port(void)
{
	sandbox_mkdir("/sys/class/virtio-ports/vport0p1");
	sandbox_write("/sys/class/virtio-ports/vport0p1/name", "other\n");
	sandbox_mkdir("/sys/class/virtio-ports/vport0p2");
	sandbox_write("/sys/class/virtio-ports/vport0p2/name", "slipway.record\n");
	sandbox_write("/dev/vport0p1", "");
	sandbox_write("/dev/vport0p2", "");
}

static const struct boot_case root_cases[] = {
	{ "plain",
	  .says = { STARTED, "host: word splash", "boot disk is 'sda'", "\"system_2\"", "/usr/new cannot" },
	  .never = "cannot delete" },
	{ "the kernel's word", .words = "", .prepare = secure_boot, .machine.kernel_has_key = true,
	  .says = { STARTED, "\"secure_boot\":true" } },
	{ "the kernel's word without Secure Boot", .machine.kernel_has_key = true, .says = { STARTED } },
	{ "record to a port", .prepare = port, .says = { STARTED, "host: /dev/vport0p2\n{\"schema\":1" } },
	{ "no port", .says = { STARTED, "host: /dev/vport0p2 is absent" } },
	{ "fstab", .says = { STARTED, "'/data': '/dev/disk/by-label/data' is not on the boot disk" } },
	{ "no fstab", .words = "root=PARTLABEL=system_1", .says = { STARTED }, .never = "root's fstab" },
	{ "exitrd", .conf = "exitrd=yes\n", .says = { STARTED, "an exitrd is there" } },
	{ "no exitrd", .conf = "exitrd=no\n", .says = { STARTED, "an exitrd is absent" } },
	{ "other init", .words = DISK "init=/usr/sbin/other", .says = { "host: word /usr/sbin/other\n" } },
	{ "no such init", .words = DISK "init=/usr/sbin/absent",
	  .says = { FAILED("check", "ROOT_NO_INIT"), REBOOTED } },
	{ "overlay", .words = DISK "systemd.volatile=overlay",
	  .says = { STARTED, "/usr/new can be", "/etc/new can be" } },
	{ "tmpfs", .words = DISK "systemd.volatile=yes",
	  .says = { STARTED, "/usr/new cannot", "/etc/new can be" } },
	{ "by root hash", .words = "", .hash_word = "roothash=", .hash_of = "old",
	  .says = { STARTED, "\"system_1\"" } },
	{ "by partition", .words = "root=PARTLABEL=system_1", .says = { STARTED, "\"system_1\"" } },
	{ "by type", .words = DISK "rootfstype=erofs rw", .says = { STARTED, "'rw' is ignored" } },
	{ "by another type", .words = DISK "rootfstype=ext4", .says = { FAILED("assemble", "ROOT_MOUNT") } },
	{ "two disks", .words = "root=PARTLABEL=system_1", .again = true,
	  .says = { FAILED("discover", "DISK_AMBIGUOUS") } },
	{ "no disk", .words = "slipway.disk=/dev/sdz",
	  .says = { FAILED("discover", "DISK_TIMEOUT"), "disks: sda" } },
	{ "no verity", .words = DISK "systemd.verity=no", .says = { FAILED("choose", "ROOT_UNPROTECTED") } },
	{ "nothing says which", .words = "systemd.gpt_auto=no",
	  .says = { FAILED("discover", "BOOT_DISK_UNKNOWN") } },
	{ "image filter", .words = DISK "systemd.image_filter=root=system_1*",
	  .says = { STARTED, "\"system_1\"" } },
	{ "weak policy", .words = DISK "systemd.image_policy=root=unprotected+signed",
	  .says = { STARTED, "is weak" } },
	{ "no such policy", .words = DISK "systemd.image_policy=nonsense",
	  .says = { FAILED("trust", "POLICY_SYNTAX") } },
	{ "policy that refuses", .words = DISK "systemd.image_policy=root=absent",
	  .says = { FAILED("trust", "POLICY_REFUSED") } },
};

static void roots(void **state)
{
	(void)state;
	BOOT_ALL(root_cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(roots),
	};

	sandbox_may_end_machine = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
