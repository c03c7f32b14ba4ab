/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a boot measures, and what it leaves in PCR 11 where it fails, with a TPM of swtpm. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <mbedtls/sha256.h>
#include <tss2/tss2_tcti_device.h>

#include "tests/component/whole_boot.h"
#include "tests/unit/emulator.h"

static struct emulator emulator;

/* In place of tpm2-tss's, which can only open a device. */
TSS2_RC Tss2_Tcti_Device_Init(TSS2_TCTI_CONTEXT *context, size_t *size, const char *device)
{
	const struct wire from = { .fd = -1 };
	TSS2_TCTI_CONTEXT *made;

	(void)device;
	*size = sizeof(struct wire);
	if (!context)
		return TSS2_RC_SUCCESS;
	made = wire_new(&from);
	memcpy(context, made, sizeof(struct wire));
	free(made);
	((struct wire *)context)->fd = dup(emulator.fd);
	return TSS2_RC_SUCCESS;
}

static void measured_by_stub(void)
{
	machine_efi_text("StubPcrKernelImage", "11");
	machine_efi_text("LoaderTpm2ActivePcrBanks", "0x2");
	sandbox_write("/dev/tpmrm0", "");
}

static void esp_of_stub(void)
{
	measured_by_stub();
	machine_efi_text("LoaderDevicePartUUID", ESP_UUID);
}

static void hook_of_vendor(void)
{
	measured_by_stub();
	copy("/machine/hook", "/usr/lib/slipway/hooks/proven/continue", 0755);
}

static void key_file(void)
{
	measured_by_stub();
	sandbox_mkdir("/etc/cryptsetup-keys.d");
	sandbox_write("/etc/cryptsetup-keys.d/root.key", "open sesame");
}

static void nvpcrs(void)
{
	measured_by_stub();
	sandbox_mkdir("/usr/lib/nvpcr");
	sandbox_write("/usr/lib/nvpcr/verity.nvpcr", "{\"name\":\"verity\",\"algorithm\":\"sha256\",\"nvIndex\":30474754}");
	sandbox_write("/usr/lib/nvpcr/cryptsetup.nvpcr",
		      "{\"name\":\"cryptsetup\",\"algorithm\":\"sha256\",\"nvIndex\":30474755}");
}

static void permitted_nvpcrs(void)
{
	nvpcrs();
	copy("/machine/pcrsig/public.pem", "/.extra/tpm2-pcr-public-key.pem", 0444);
	copy("/machine/pcrsig/signed.json", "/.extra/tpm2-pcr-signature.json", 0444);
}

static void permitted_and_key_file(void)
{
	permitted_nvpcrs();
	sandbox_mkdir("/etc/cryptsetup-keys.d");
	sandbox_write("/etc/cryptsetup-keys.d/root.key", "open sesame");
}

static void signature_of_phase(void)
{
	measured_by_stub();
	copy("/machine/tokens/signature.json", "/.extra/tpm2-pcr-signature.json", 0444);
}

#define ECC "tests/data/tokens/ecc.tpm"
#define LUKS .disk = MACHINE "/luks.disk", .conf = "image-policy=root=encrypted:=open\n"
#define PIN(text) DISK "systemd.set_credential=cryptsetup.tpm2-pin:" text

static const struct tpm_case {
	struct boot_case boot;
	const char *words[4]; /* in the order in which they are in PCR 11 */
	const char *tpm;      /* the state that the TPM has, or NULL for a new one */
} cases[] = {
	{ .boot = { "measured", .prepare = measured_by_stub, .words = DISK, .says = { STARTED, "\"in use\"" } },
	  .words = { "enter-initrd", "leave-initrd" } },
	{ .boot = { "by a word", .words = DISK "systemd.tpm2_measured_os=yes", .prepare = esp_of_stub,
	    .says = { STARTED } },
	  .words = { "enter-initrd", "leave-initrd" } },
	{ .boot = { "no storage root key", .prepare = measured_by_stub, .conf = "srk=no\n", .says = { STARTED },
	    .never = "made a storage" },
	  .words = { "enter-initrd", "leave-initrd" } },
	{ .boot = { "other init", .prepare = measured_by_stub, .words = DISK "init=/usr/sbin/other",
	    .says = { "host: word /usr/sbin/other" } },
	  .words = { "enter-initrd", "slipway-init:/usr/sbin/other", "leave-initrd" } },
	{ .boot = { "capped", .prepare = measured_by_stub, .words = DISK "systemd.verity=no",
	    .says = { FAILED("choose", "ROOT_UNPROTECTED") } },
	  .words = { "enter-initrd", "slipway-failed" } },
	{ .boot = { "capped before it was entered", .prepare = measured_by_stub, .words = "slipway.disk=nonsense",
	    .says = { FAILED("inputs", "CMDLINE") } },
	  .words = { "slipway-failed" } },
	{ .boot = { "debug image", .prepare = measured_by_stub, .words = DISK "systemd.verity=no",
	    .conf = "debug-key=$6$abcdefgh12345678$7NID6uWboG0sXaweOkSDNRRibNvKdy9NtZB9nfo8DKXjYBTRgpKKFfqLRs7Gp6gevE3dHvVjUQ2cytCUpa3/m0\n",
	    .says = { "'/debug/ask' cannot be executed" } },
	  .words = { "enter-initrd", "slipway-failed" } },
	{ .boot = { "extension of the ESP", .prepare = esp_of_stub, .words = "", .conf = "esp-extensions=/EXT\n",
	    .says = { "into PCR 13", STARTED } },
	  .words = { "enter-initrd", "leave-initrd" } },
	{ .boot = { "extension for the host", .prepare = esp_of_stub, .words = "", .conf = "host-extensions=/EXT\n",
	    .says = { "into PCR 13", STARTED } },
	  .words = { "enter-initrd", "leave-initrd" } },
	{ .boot = { "hook", .prepare = hook_of_vendor, .conf = "hook-measure=yes\n",
	    .says = { "measured 'slipway-hook:proven:continue", STARTED } },
	  .words = { "enter-initrd", "leave-initrd" } },
	{ .boot = { "encrypted, by a key file", LUKS, .prepare = key_file,
	    .says = { "measured the key of the root into PCR 15", "opened the root by key slot 0", STARTED } },
	  .words = { "enter-initrd", "slipway-not-by-tpm", "leave-initrd" } },
	{ .boot = { "encrypted, by a signature", LUKS, .prepare = signature_of_phase,
	    .says = { "opened the root by key slot 2: tpm2", STARTED } },
	  .words = { "enter-initrd", "leave-initrd" }, .tpm = ECC },
	{ .boot = { "encrypted, by a PIN", LUKS, .prepare = measured_by_stub, .words = PIN("1234"),
	    .says = { "opened the root by key slot 3: tpm2", STARTED } },
	  .words = { "enter-initrd", "leave-initrd" }, .tpm = ECC },
	{ .boot = { "encrypted, wrong PIN", LUKS, .prepare = measured_by_stub, .words = PIN("1235"),
	    .says = { "the TPM says that the PIN of 'root' is wrong", FAILED("prove", "LUKS_LOCKED") } },
	  .words = { "enter-initrd", "slipway-failed" }, .tpm = ECC },
	{ .boot = { "encrypted, no PIN", LUKS, .prepare = measured_by_stub, .says = { FAILED("prove", "LUKS_LOCKED") } },
	  .words = { "enter-initrd", "slipway-failed" }, .tpm = ECC },
	{ .boot = { "encrypted, another TPM", LUKS, .prepare = signature_of_phase, .words = PIN("1234"),
	    .says = { FAILED("prove", "LUKS_LOCKED") } },
	  .words = { "enter-initrd", "slipway-failed" } },
	{ .boot = { "no keys for NvPCRs", .prepare = nvpcrs, .conf = "pcr-scheme=261\n",
	    .says = { "skipped: the stub left no '/.extra/tpm2-pcr-public-key.pem'", STARTED } },
	  .words = { "enter-initrd", "leave-initrd" } },
	{ .boot = { "NvPCRs", .prepare = permitted_nvpcrs, .conf = "pcr-scheme=261\n",
	    .says = { "measured the root into NvPCR 'verity'", STARTED } },
	  .words = { "enter-initrd", "leave-initrd" } },
	{ .boot = { "NvPCRs, encrypted", .disk = MACHINE "/luks.disk", .prepare = permitted_and_key_file,
	    .conf = "image-policy=root=encrypted:=open\npcr-scheme=261\n",
	    .says = { "opened the root by key slot 0", "cryptsetup-keyslot:root:", STARTED } },
	  .words = { "enter-initrd", "slipway-not-by-tpm", "leave-initrd" } },
};

static void extend(uint8_t pcr[static 32], const char *word)
{
	uint8_t both[64];

	memcpy(both, pcr, 32);
	mbedtls_sha256((const uint8_t *)word, strlen(word), both + 32, 0);
	mbedtls_sha256(both, sizeof(both), pcr, 0);
}

static void compare(const struct tpm_case *c)
{
	struct tpm *t = connect_to(&emulator, TPM_BANK_SHA256);
	uint8_t expected[32] = { 0 };
	struct measurement m;
	struct err e;

	for (size_t i = 0; i < 4 && c->words[i]; i++)
		extend(expected, c->words[i]);
	assert_code(tpm_read(t, 11, &m, &e), &e, ERR_NONE, c->boot.name);
	tpm_close(t);
	for (size_t i = 0; i < m.n_digests; i++)
		if (m.digests[i].n_bytes == 32 && memcmp(m.digests[i].bytes, expected, 32) == 0)
			return;
	fail_msg("case '%s': PCR 11 is not what its words come to", c->boot.name);
}

static void measures(void **state)
{
	size_t n_bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bool good;

		if (!emulator_start_with(&emulator, cases[i].tpm))
			skip();
		good = boot_one(&cases[i].boot);
		if (good)
			compare(&cases[i]);
		emulator_stop(&emulator);
		n_bad += !good;
	}
	assert_int_equal(n_bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(measures),
	};

	sandbox_may_end_machine = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
