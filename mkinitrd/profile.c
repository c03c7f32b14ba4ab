/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/profile.h"

#include <string.h>

static const char *const none[] = { NULL };

/* What a virtual machine is started from, and no more: every module is measured,
 * unpacked at each boot, and code that runs. */
static const char *const virt[] = {
	/* disks and the buses that they hang on */
	"virtio_pci", "virtio_mmio", "virtio_blk", "virtio_scsi",
	"nvme", "ahci", "ata_piix", "sd_mod",
	/* verified images and extensions; the alias brings the CPU's own SHA-256 */
	"dm-mod", "dm-verity", "loop", "overlay", "crypto-sha256",
	"erofs", "squashfs", "ext4",
	/* the ESP, with the character sets that its mount options name */
	"vfat", "nls_cp437", "nls_ascii", "nls_iso8859-1", "nls_utf8",
	/* what the firmware and the hypervisor say */
	"efivarfs", "qemu_fw_cfg", "dmi-sysfs", "tpm_tis", "tpm_crb",
	"virtio_console", "virtio_rng",
	NULL,
};

bool profile_known(const char *name)
{
	return strcmp(name, "virt") == 0 || strcmp(name, "none") == 0;
}

const char *const *profile_modules(const char *name)
{
	return strcmp(name, "virt") == 0 ? virt : none;
}
