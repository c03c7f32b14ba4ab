/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* predict.h - the PCRs of a boot that has not happened: firmware starts a UKI, its
 * systemd-stub 257 to 262 starts the kernel, that starts slipway. Pure: no TPM, no I/O. */
#pragma once

#include <stdbool.h>

#include "init/core/bytes.h"
#include "init/core/err.h"
#include "mkinitrd/pcr.h"
#include "mkinitrd/predict_extension.h"
#include "mkinitrd/predict_initrd.h"
#include "mkinitrd/stub_cpio.h"

/* What lies beside the UKI: in its folder NAME.efi.extra.d, or in /loader. */
enum companion {
	COMPANION_GLOBAL_ADDON, /* /loader/addons */
	COMPANION_ADDON,
	COMPANION_CREDENTIAL,
	COMPANION_GLOBAL_CREDENTIAL, /* /loader/credentials */
	COMPANION_CONFEXT,
	COMPANION_GLOBAL_CONFEXT, /* /loader/extensions, as the next but one */
	COMPANION_SYSEXT,
	COMPANION_GLOBAL_SYSEXT,
	N_COMPANIONS,
};

enum predict_scheme { /* pcr-scheme= of slipway.conf */
	PREDICT_SCHEME_OF_INITRD, /* as the one in the UKI says */
	PREDICT_SCHEME_257,
	PREDICT_SCHEME_261, /* os-separator, too */
};

struct stub_list {
	struct stub_file *files;
	size_t n;
};

struct predict_input {
	struct bytes uki;
	struct stub_list beside[N_COMPANIONS]; /* are sorted */
	const char *smbios_cmdline; /* io.systemd.stub.kernel-cmdline-extra; NULL if none */
	unsigned banks;             /* as in struct pcr */
	enum predict_scheme scheme;
	struct predict_extensions esp; /* of the folders of esp-extensions=, what init merges */
	struct predict_extensions host; /* of those of host-extensions=, what it hands over */
	bool no_secure_boot; /* the firmware does not enforce it */
	bool no_boot_secret; /* the ESP keeps a stub from 261 on from handing one over */
};

struct prediction {
	char stub[32]; /* its version, for people */
	enum predict_scheme scheme; /* the one that counts; with 261, call predict_nvpcrs(), too */
	struct pcr boot_loader;   /* 4 */
	struct pcr kernel_initrd; /* 9 */
	struct pcr kernel_image;  /* 11, as the stub leaves it: see predict_phase() */
	struct pcr kernel_config; /* 12 */
	struct pcr sysexts;       /* 13 */
	/* Why kernel_initrd cannot be told, and is zero: it depends on the machine. Else NULL. */
	const char *kernel_initrd_unknown;
	/* The same for these two, which are then as the stub leaves them. */
	const char *kernel_config_unknown, *sysexts_unknown;
	/* The same for kernel_image when "leave-initrd" was measured. */
	const char *handover_unknown;
};

/* The paths of phases that a boot comes to, as systemd-measure takes them: "-" for none, then
 * "enter-initrd", "enter-initrd:leave-initrd", and so on with the host's. */
enum { PREDICT_N_PHASES = 5 };
extern const char *const predict_phases[PREDICT_N_PHASES];

/* initrd is that of in->uki, opened. Errors: ERR_CONFIG if something is no UKI, addon, or nothing
 * that the stub would take, ERR_UNSUPPORTED if all the values depend on more than the files, or the
 * stub's version is another; ERR_CMDLINE if init would refuse the command line; if the scheme is that
 * of the initrd, those of image_parse(); ERR_CONFIG if in->esp or in->host has any that its slipway.conf does not look for;
 * ERR_MEMORY, ERR_SYSTEM. */
int predict(struct predict_input *in, const struct predict_initrd *initrd, struct prediction *ret,
	    struct err *e);

/* PCR 11 when the words of this path were measured: any that are not empty, joined by ':', or "-"
 * for none. Errors: ERR_SYSTEM. */
int predict_phase(const struct prediction *p, const char *path, struct pcr *ret, struct err *e);

/* A section of a UKI, as what it carries for signed policies, in *ret, which points into uki.
 * Returns 1, or 0 if it has none. Errors: ERR_CONFIG if it is no UKI. */
int predict_section(struct bytes uki, const char *name, struct bytes *ret, struct err *e);
