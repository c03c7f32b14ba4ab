/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/unsupported.h"

#include <stddef.h>
#include <string.h>

#define NO_OPTIONS "dm-verity options are not supported by this initrd"
#define BY_HASH "the partitions are found by the root hash"
#define NO_SHELL "no word opens a shell; it is ignored"
#define NO_UNITS "this initrd has no units"
#define NEVER_WRITABLE "what this initrd merges is what was proven, and not writable"
#define OWN_SIGNATURE "the signature is taken from the disk of the root"

static const struct unsupported words[] = {
	/* Ignored, these would leave the root weaker or at another place. */
	{ .key = "systemd.restrict_filesystem_access", .flags = FOLD,
	  .refusal = "the host would deny every program on a root that another initrd activated" },
	{ .key = "systemd.verity_root_data", .flags = FOLD | RD, .refusal = BY_HASH },
	{ .key = "systemd.verity_root_hash", .flags = FOLD | RD, .refusal = BY_HASH },
	{ .key = "systemd.verity_root_options", .flags = FOLD | RD, .refusal = NO_OPTIONS },
	{ .key = "systemd.verity_usr_data", .flags = FOLD | RD, .refusal = BY_HASH },
	{ .key = "systemd.verity_usr_hash", .flags = FOLD | RD, .refusal = BY_HASH },
	{ .key = "systemd.verity_usr_options", .flags = FOLD | RD, .refusal = NO_OPTIONS },
	{ .key = "luks.data", .flags = FOLD | RD, .refusal = "no other partition than that of the root is opened" },
	{ .key = "ostree", .refusal = "OSTree deployments are not supported by this initrd" },
	{ .key = "systemd.mount_extra", .flags = FOLD | RD, .refusal = "extra mounts are not supported by this initrd" },

	{ .key = "roothashsig", .notice = OWN_SIGNATURE },
	{ .key = "usrhashsig", .notice = OWN_SIGNATURE },
	{ .key = "luks.crypttab", .flags = FOLD | RD, .notice = "no crypttab is read here" },
	{ .key = "systemd.swap_extra", .flags = FOLD | RD, .notice = "swap is left to the host" },
	{ .key = "resume", .notice = "this initrd does not resume; the machine starts afresh" },
	{ .key = "resume_offset", .flags = FOLD, .notice = "this initrd does not resume" },
	{ .key = "noresume", .notice = "this initrd does not resume; the machine starts afresh" },
	{ .key = "systemd.tpm2_wait", .flags = FOLD | RD, .notice = "a TPM that is announced is always awaited" },
	{ .key = "systemd.tpm2_software_fallback", .flags = FOLD | RD,
	  .notice = "no TPM in software takes the place of a real one" },
	{ .key = "systemd.tpm2_allow_clear", .flags = FOLD | RD, .notice = "this initrd never clears the TPM" },
	{ .key = "systemd.credentials_boot_policy", .flags = FOLD | RD,
	  .notice = "credentials are handed over whatever it says; the host may go by it" },
	{ .key = "SYSTEMD_SYSEXT_MUTABLE_MODE", .notice = NEVER_WRITABLE },
	{ .key = "SYSTEMD_CONFEXT_MUTABLE_MODE", .notice = NEVER_WRITABLE },
	{ .key = "rd.systemd.pull", .notice = "there is no network in this initrd" },
	{ .key = "rd.systemd.unit", .notice = NO_UNITS },
	{ .key = "rd.systemd.mask", .notice = NO_UNITS },
	{ .key = "rd.systemd.wants", .notice = NO_UNITS },
	{ .key = "rd.systemd.run", .notice = "no word runs a program of this initrd" },
	{ .key = "rd.systemd.break", .notice = NO_SHELL },
	{ .key = "rd.systemd.debug_shell", .flags = FOLD, .notice = NO_SHELL },
	{ .key = "rd.break", .notice = NO_SHELL },
	{ .key = "emergency", .flags = RD, .notice = NO_SHELL },
	{ .key = "rescue", .flags = RD, .notice = NO_SHELL },
};

static bool key_equal(const char *key, const char *name, bool fold)
{
	for (; *key && *name; key++, name++) {
		char k = fold && *key == '-' ? '_' : *key;

		if (k != *name)
			return false;
	}
	return !*key && !*name;
}

bool word_is(const char *key, const char *name, unsigned flags)
{
	return key_equal(key, name, flags & FOLD) ||
	       (flags & RD && strncmp(key, "rd.", 3) == 0 && key_equal(key + 3, name, flags & FOLD));
}

const struct unsupported *unsupported_find(const char *key)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (word_is(key, words[i].key, words[i].flags))
			return &words[i];
	return NULL;
}
