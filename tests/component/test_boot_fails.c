/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Boots that must not come to the host, and what they do instead: altered disks, what slipway.conf
 * demands, and its rules for failures. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "tests/component/whole_boot.h"

/* Still hex, but of something else. */
static void another_signed_hash(int fd)
{
	char digit;

	REQUIRE(pread(fd, &digit, 1, SIGNATURE_2 + 20) == 1);
	digit = digit == '0' ? '1' : '0';
	REQUIRE(pwrite(fd, &digit, 1, SIGNATURE_2 + 20) == 1);
}

static const struct boot_case altered_cases[] = {
	{ "content", .break_at = { DATA_2 + 5000 },
	  .says = { FAILED("prove", "VERITY_CORRUPTED"), REBOOTED } },
	{ "hash tree", .break_at = { HASH_2 + 4096 }, .says = { FAILED("prove", "VERITY_CORRUPTED") } },
	{ "superblock", .break_at = { HASH_2 }, .says = { FAILED("prove", "VERITY_SUPERBLOCK") } },
	{ "signed hash", .alter = another_signed_hash,
	  .says = { FAILED("choose", "SIGNATURE_MISMATCH") } },
	{ "primary table", .break_at = { 512 + 16 }, .says = { STARTED, "using the backup" } },
	{ "both tables", .break_at = { 512 + 16, 16 * 1024 * 1024 - 512 + 16 },
	  .says = { FAILED("discover", "GPT_INVALID") } },
	{ "no driver", .machine.activate_errno = ENOTSUP, .says = { FAILED("prove", "VERITY_FAILED") } },
	{ "unknown option", .machine.activate_errno = EINVAL, .says = { FAILED("prove", "VERITY_FAILED") } },
	{ "required by the kernel", .machine.activate_errno = ENOKEY,
	  .says = { FAILED("prove", "SIGNATURE_UNTRUSTED") } },
	{ "corrupted when read", .machine.verity_status = 'C',
	  .says = { FAILED("prove", "VERITY_CORRUPTED") } },
	{ "user space may not", .words = DISK "systemd.allow_userspace_verity=no",
	  .says = { FAILED("prove", "SIGNATURE_UNTRUSTED") } },
	{ "next slot", .conf = "failure.proof=next-slot halt\n", .break_at = { DATA_2 + 5000 },
	  .says = { FAILED("prove", "VERITY_CORRUPTED"), "tries partition 2 'system_1'", STARTED } },
	{ "no next slot", .conf = "failure.proof=next-slot halt\n", .break_at = { DATA_2 + 5000, DATA_1 + 5000 },
	  .says = { "tries partition 2 'system_1'", FAILED("prove", "VERITY_CORRUPTED"), "halts", "sandbox: off" } },
	{ "retries", .conf = "failure.proof=retry poweroff\n", .break_at = { DATA_2 + 5000 },
	  .says = { "retry 1 of 3", "retry 3 of 3", "powers off", "sandbox: off" } },
};

static void altered(void **state)
{
	(void)state;
	BOOT_ALL(altered_cases);
}

static void no_certificates(void)
{
	REQUIRE(rename("/etc/verity.d", "/etc/verity.away") == 0);
}

static void bad_certificate(void)
{
	sandbox_write("/etc/verity.d/vendor.crt", "nonsense");
}

static void bad_manifest(void)
{
	sandbox_write("/etc/slipway.manifest", "nonsense\n");
}

static void lockdown_none(void)
{
	sandbox_mkdir("/sys/kernel/security");
	sandbox_write("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
}

static void lockdown_integrity(void)
{
	sandbox_mkdir("/sys/kernel/security");
	sandbox_write("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
}

static void lockdown_nonsense(void)
{
	sandbox_mkdir("/sys/kernel/security");
	sandbox_write("/sys/kernel/security/lockdown", "none\n");
}

static void loader_says_no_uuid(void)
{
	machine_efi_text("LoaderDevicePartUUID", "nonsense");
}

static void loader_says_other_disk(void)
{
	machine_efi_text("LoaderDevicePartUUID", "00000000-1111-4000-8000-000000000001");
}

static void stub_measured(void)
{
	machine_efi_text("StubPcrKernelImage", "11");
	machine_efi_text("LoaderTpm2ActivePcrBanks", "0x2");
}

static void stub_measured_elsewhere(void)
{
	machine_efi_text("StubPcrKernelImage", "12");
}

static const struct boot_case demand_cases[] = {
	{ "Secure Boot", .conf = "secure-boot=required\n", .says = { FAILED("firmware", "SECURE_BOOT") } },
	{ "lockdown", .conf = "lockdown=integrity\n", .prepare = lockdown_none,
	  .says = { FAILED("firmware", "SECURE_BOOT"), "has 'none'" } },
	{ "lockdown as it is", .conf = "lockdown=integrity\n", .prepare = lockdown_integrity,
	  .says = { STARTED } },
	{ "lockdown that says nothing", .conf = "lockdown=integrity\n", .prepare = lockdown_nonsense,
	  .says = { FAILED("firmware", "SYSTEM") } },
	{ "TPM", .conf = "tpm=required\n", .says = { FAILED("tpm", "TPM_MISSING") } },
	{ "TPM that does not come", .prepare = stub_measured,
	  .says = { FAILED("tpm", "TPM_MISSING"), "LoaderTpm2ActivePcrBanks" } },
	{ "TPM that does not come and need not", .conf = "tpm=optional\n", .prepare = stub_measured,
	  .says = { STARTED, "broken TPM" } },
	{ "stub that measured elsewhere", .prepare = stub_measured_elsewhere,
	  .says = { FAILED("firmware", "EFI_VARIABLE") } },
	{ "no UUID", .prepare = loader_says_no_uuid, .says = { FAILED("firmware", "EFI_VARIABLE") } },
	{ "another disk", .prepare = loader_says_other_disk, .says = { FAILED("discover", "DISK_TIMEOUT") } },
	{ "version", .conf = "minimum-version=3\n", .says = { FAILED("choose", "ROLLBACK") } },
	{ "version that is enough", .conf = "minimum-version=2\n", .says = { STARTED } },
	{ "extension", .conf = "required-extensions=good\n",
	  .says = { FAILED("extend", "EXTENSION_MISSING") } },
	{ "no certificates", .prepare = no_certificates, .says = { "slipway: FAILED stage " } ,
	  .never = STARTED },
	{ "bad certificate", .prepare = bad_certificate, .says = { FAILED("trust", "CERTIFICATE") } },
	{ "bad manifest", .prepare = bad_manifest, .says = { FAILED("initrd", "INITRD_INCOMPLETE") } },
	{ "bad line", .conf = "nonsense=yes\n", .says = { FAILED("inputs", "CONFIG") } },
	{ "bad word", .words = "slipway.disk=nonsense", .says = { FAILED("inputs", "CMDLINE") } },
	{ "no /run", .machine.no_run = true,
	  .says = { FAILED("early", "SYSTEM"), "mount '/run'", REBOOTED } },
};

static void demands(void **state)
{
	(void)state;
	BOOT_ALL(demand_cases);
}

static void failed_before(void)
{
	static const char text[] = "ROOT_NO_OS\ncheck\nthere was nothing\n2";

	machine_efi("SlipwayFailure", "cd359083-0f0e-4a2c-89b6-b226c9388077", text, sizeof(text) - 1);
}

static void failed_oddly(void)
{
	machine_efi("SlipwayFailure", "cd359083-0f0e-4a2c-89b6-b226c9388077", "x", 1);
}

static void asked_for_more(void)
{
	machine_efi("FactoryResetRequest", "8cf2644b-4b0b-428f-9387-6d876050dc67", "x", 1);
	machine_efi("HibernateLocation", "8cf2644b-4b0b-428f-9387-6d876050dc67", "x", 1);
}

static const struct boot_case rule_cases[] = {
	{ "powers off", .words = DISK "systemd.verity=no", .conf = "failure=poweroff\n",
	  .says = { "powers off in 0 s", "sandbox: off" } },
	{ "a word overrules", .words = DISK "systemd.verity=no slipway.failure=reboot slipway.failure_delay=0",
	  .conf = "failure=poweroff\n", .says = { REBOOTED } },
	{ "of one reason", .words = DISK "systemd.verity=no", .conf = "failure.ROOT_UNPROTECTED=halt\n",
	  .says = { "halts in 0 s", "sandbox: off" } },
	{ "kept failure", .prepare = failed_before, .conf = "keep-failure=efi\n",
	  .says = { STARTED, "a boot before this one failed in stage check [ROOT_NO_OS]: there was nothing" } },
	{ "kept nonsense", .prepare = failed_oddly, .conf = "keep-failure=efi\n",
	  .says = { STARTED, "is no failure of a boot" } },
	{ "limit", .prepare = failed_before, .words = DISK "systemd.verity=no", .conf = "keep-failure=efi\nfailure-limit=3\n",
	  .says = { "as failure-limit=3 says", "sandbox: off" } },
	{ "below the limit", .prepare = failed_before, .words = DISK "systemd.verity=no", .conf = "keep-failure=efi\nfailure-limit=4\n",
	  .says = { REBOOTED } },
	{ "debug image without a TPM", .words = DISK "systemd.verity=no",
	  .conf = "debug-key=$6$abcdefgh12345678$7NID6uWboG0sXaweOkSDNRRibNvKdy9NtZB9nfo8"
		  "DKXjYBTRgpKKFfqLRs7Gp6gevE3dHvVjUQ2cytCUpa3/m0\n",
	  .says = { "THIS IS A DEBUG IMAGE", "'/debug/ask' cannot be executed", REBOOTED } },
	{ "what others ask for", .prepare = asked_for_more,
	  .says = { STARTED, "was hibernated", "'HibernateLocation' is removed", "a factory reset is asked for" } },
};

static void rules(void **state)
{
	(void)state;
	BOOT_ALL(rule_cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(altered),
		UNIT_TEST(demands),
		UNIT_TEST(rules),
	};

	sandbox_may_end_machine = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
