/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* firmware.h - what the firmware, the boot loader and the stub left for us.
 * Spec: UEFI 2.10 section 8.2, the boot loader interface (systemd.io). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

struct firmware {
	bool efi;
	bool secure_boot;           /* enforced: SecureBoot=1, SetupMode=0, no insecure shim */
	bool shim_insecure;         /* shim lets anything start: see firmware_shim_is_insecure() */
	bool has_loader_partuuid;
	struct uuid loader_partuuid; /* of the ESP or XBOOTLDR we came from */
	bool stub_measured;         /* StubPcrKernelImage is 11 */
	bool has_banks;
	uint32_t banks;             /* LoaderTpm2ActivePcrBanks, TPM_BANK_* */
	bool tpm_announced;
	const char *tpm_source;     /* what announced it, for messages; static */
	bool hibernated;            /* HibernateLocation is there */
	bool factory_reset;         /* FactoryResetRequest is there, or systemd 257's FactoryReset */
};

/* Reads everything; efivarfs is mounted where it is not yet. Without EFI only the ACPI
 * table tells of a TPM; if the stub measured, there is one whatever else says. A variable
 * that is absent is fine. Errors: ERR_EFI_VARIABLE if one is malformed, non-volatile where
 * the loader sets it volatile, or if this is an EFI machine whose variables cannot be read. */
int firmware_read(struct firmware *ret, struct err *e);

/* Removes HibernateLocation; one that is not there is fine. Errors: ERR_EFI_VARIABLE. */
int firmware_forget_hibernation(struct err *e);

/* Pure: the text of a variable file (4 attribute bytes, UTF-16LE, optional NUL) as
 * printable ASCII. name is for the message. Errors: ERR_EFI_VARIABLE: too short, odd
 * length, too long for ret, not ASCII, or non-volatile. */
int efivar_text(const char *name, const uint8_t *p, size_t n, char *ret, size_t max,
		struct err *e);

/* Pure: whether shim was told to check nothing, by the file (4 attribute bytes, 1 byte) of its
 * MokSBStateRT, and as the kernel takes it: only the value 1, and not from a variable that is
 * non-volatile, which shim never makes. */
bool firmware_shim_is_insecure(const uint8_t *p, size_t n);

/* Pure: what StubPcrKernelImage says, whether the stub measured us and so whether measuring means
 * anything. Errors: ERR_EFI_VARIABLE for anything but 11. */
int firmware_set_stub_pcr(struct firmware *f, const char *text, struct err *e);

/* Pure: what LoaderTpm2ActivePcrBanks says in hex. 0 is no TPM, all ones one of which nobody knows
 * the banks. Errors: ERR_EFI_VARIABLE: no number, or one of more than 32 bits. */
int firmware_set_banks(struct firmware *f, const char *text, struct err *e);

/* Pure: fills tpm_announced and tpm_source by what is set already, by whether there is an
 * ACPI table TPM2, and by whether this is a confidential machine. */
void firmware_find_tpm(struct firmware *f, bool acpi, bool confidential);
