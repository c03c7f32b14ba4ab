/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/firmware.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "modules/inputs/confidential.h"
#include "modules/inputs/efivar.h"

#define LOADER_GUID "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define SYSTEMD_GUID "8cf2644b-4b0b-428f-9387-6d876050dc67"
#define GLOBAL_GUID "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SHIM_GUID "605dab50-e046-4300-abb6-3dd810dd8b23"

enum { EFIVAR_NON_VOLATILE = 1 };

int efivar_text(const char *name, const uint8_t *p, size_t n, char *ret, size_t max, struct err *e)
{
	size_t len;

	if (n < 4 || n % 2)
		return err_set(e, ERR_EFI_VARIABLE, 0, "'%s' has %zu bytes, which is no text", name, n);
	/* Loaders set theirs for one boot. One that persists was planted. */
	if (le32(p) & EFIVAR_NON_VOLATILE)
		return err_set(e, ERR_EFI_VARIABLE, 0, "'%s' is non-volatile: no boot loader set it", name);
	len = (n - 4) / 2;
	if (len && le16(p + 4 + 2 * (len - 1)) == 0)
		len--;
	if (len >= max)
		return err_set(e, ERR_EFI_VARIABLE, 0, "'%s' is longer than %zu characters", name, max - 1);
	for (size_t i = 0; i < len; i++) {
		uint16_t c = le16(p + 4 + 2 * i);

		if (c < 0x20 || c > 0x7e)
			return err_set(e, ERR_EFI_VARIABLE, 0, "'%s' is not printable ASCII", name);
		ret[i] = (char)c;
	}
	ret[len] = '\0';
	return 0;
}

/* Returns 1 with the text, 0 if there is no such variable. */
static int read_text(const char *name, char *ret, size_t max, struct err *e)
{
	struct efivar raw;
	int rc = efivar_read(name, LOADER_GUID, &raw, e);

	if (rc <= 0)
		return rc;
	rc = efivar_text(name, raw.bytes, raw.n, ret, max, e);
	return rc < 0 ? rc : 1;
}

/* A one-byte switch that the firmware itself keeps; absent is off. */
static int read_switch(const char *name, bool *ret, struct err *e)
{
	struct efivar raw;
	int rc = efivar_read(name, GLOBAL_GUID, &raw, e);

	if (rc > 0 && raw.n != 5)
		return err_set(e, ERR_EFI_VARIABLE, 0, "'%s' has %zu bytes instead of 5", name, raw.n);
	*ret = rc > 0 && raw.bytes[4] == 1;
	return rc < 0 ? rc : 0;
}

static int read_boot_disk(struct firmware *f, struct err *e)
{
	char text[64];
	int rc = read_text("LoaderDevicePartUUID", text, sizeof(text), e);

	if (rc <= 0)
		return rc;
	if (!uuid_from_text(text, &f->loader_partuuid) || uuid_is_zero(&f->loader_partuuid))
		return err_set(e, ERR_EFI_VARIABLE, 0, "'LoaderDevicePartUUID' is '%s', which is no UUID",
			       text);
	f->has_loader_partuuid = true;
	return 0;
}

int firmware_set_stub_pcr(struct firmware *f, const char *text, struct err *e)
{
	if (strcmp(text, "11") != 0)
		return err_set(e, ERR_EFI_VARIABLE, 0, "'StubPcrKernelImage' is '%s' instead of 11", text);
	f->stub_measured = true;
	return 0;
}

/* strtoul() alone would take blanks and signs, and "-0" would be no TPM. */
int firmware_set_banks(struct firmware *f, const char *text, struct err *e)
{
	const char *digits = strncmp(text, "0x", 2) == 0 ? text + 2 : text;
	size_t n = strspn(digits, "0123456789abcdefABCDEF");
	unsigned long banks = strtoul(digits, NULL, 16);

	if (!n || n > 16 || digits[n] || banks > UINT32_MAX)
		return err_set(e, ERR_EFI_VARIABLE, 0, "'LoaderTpm2ActivePcrBanks' is '%s', no hex number",
			       text);
	f->has_banks = true;
	f->banks = (uint32_t)banks;
	return 0;
}

static int read_into(struct firmware *f, const char *name,
		     int (*set)(struct firmware *f, const char *text, struct err *e), struct err *e)
{
	char text[24];
	int rc = read_text(name, text, sizeof(text), e);

	return rc > 0 ? set(f, text, e) : rc;
}

bool firmware_shim_is_insecure(const uint8_t *p, size_t n)
{
	return n == 5 && !(le32(p) & EFIVAR_NON_VOLATILE) && p[4] == 1;
}

/* The firmware enforces it for shim, and shim for what comes after. */
static int read_secure_boot(struct firmware *f, struct err *e)
{
	struct efivar shim = { .n = 0 };
	bool set_up = false;
	int rc = read_switch("SecureBoot", &f->secure_boot, e);

	if (rc == 0)
		rc = read_switch("SetupMode", &set_up, e);
	if (rc == 0)
		rc = efivar_read("MokSBStateRT", SHIM_GUID, &shim, e);
	f->shim_insecure = rc > 0 && firmware_shim_is_insecure(shim.bytes, shim.n);
	f->secure_boot &= !set_up && !f->shim_insecure;
	return rc < 0 ? rc : 0;
}

static int read_efi(struct firmware *f, struct err *e)
{
	int rc = efivars_mount(e);

	if (rc == 0)
		rc = read_secure_boot(f, e);
	if (rc == 0)
		rc = read_boot_disk(f, e);
	if (rc == 0)
		rc = read_into(f, "StubPcrKernelImage", firmware_set_stub_pcr, e);
	if (rc == 0)
		rc = read_into(f, "LoaderTpm2ActivePcrBanks", firmware_set_banks, e);
	/* That they are there says it all: nothing of what they say is followed. */
	f->hibernated = efivar_exists("HibernateLocation", SYSTEMD_GUID);
	f->factory_reset = efivar_exists("FactoryResetRequest", SYSTEMD_GUID) ||
			   efivar_exists("FactoryReset", SYSTEMD_GUID);
	return rc;
}

int firmware_forget_hibernation(struct err *e)
{
	return efivar_remove("HibernateLocation", SYSTEMD_GUID, e);
}

void firmware_find_tpm(struct firmware *f, bool acpi, bool confidential)
{
	if (f->has_banks) {
		f->tpm_announced = f->banks != 0;
		f->tpm_source = "LoaderTpm2ActivePcrBanks";
	} else if (acpi) {
		f->tpm_announced = true;
		f->tpm_source = "the ACPI table TPM2";
	}
	/* A word hides the ACPI tables from us, but not from the stub. A confidential machine
	 * without a TPM has registers of its own that count as measured. */
	if (f->stub_measured && !f->tpm_announced && !confidential) {
		f->tpm_announced = true;
		f->tpm_source = "StubPcrKernelImage";
	}
}

int firmware_read(struct firmware *ret, struct err *e)
{
	struct firmware f = { .efi = access("/sys/firmware/efi", F_OK) == 0 };
	int rc = f.efi ? read_efi(&f, e) : 0;

	if (rc < 0)
		return rc;
	firmware_find_tpm(&f, access("/sys/firmware/acpi/tables/TPM2", F_OK) == 0,
			  confidential_vm() != CONFIDENTIAL_NO);
	*ret = f;
	return 0;
}
