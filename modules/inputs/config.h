/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* config.h - slipway.conf, measured with the initrd that carries it.
 * Spec: slipway.conf(5). Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/digests.h"
#include "init/core/err.h"
#include "modules/inputs/failure.h"
#include "modules/inputs/lockdown.h"
#include "modules/inputs/options.h"

enum {
	CONFIG_MAX_BYTES = 64 * 1024,
	CONFIG_MAX_MODULES = 32,
	CONFIG_MAX_FOLDERS = 8,
	CONFIG_MAX_EXTENSIONS = 16,
	CONFIG_VERSION_BYTES = 64,
};

enum tpm_need {
	TPM_ANNOUNCED, /* must work if the firmware announced it (default) */
	TPM_REQUIRED,  /* must be there */
	TPM_OPTIONAL,  /* may be missing or broken: the boot goes on unmeasured */
};

struct config {
	char image_policy[1024]; /* the floor; "" for the default */
	enum tpm_need tpm;
	bool srk; /* storage root key for the host; made where there is none */
	bool os_separator; /* pcr-scheme=261: PCRs that the initrd does not use are closed, too */
	enum failure_action failure; /* where no rule says otherwise */
	struct failure_rules failure_rules;
	unsigned failure_delay_s;
	bool keep_failure; /* for the next boot that succeeds, in an EFI variable */
	struct failure_limit failure_limit; /* 0 unless they are kept, and so counted */
	unsigned timeout_s; /* for a device */
	unsigned fsck_timeout_s; /* for a file system to be checked */
	bool panic_on_corruption; /* else restart */
	char modules[1024]; /* loaded at once, before a device asks; NUL-separated */
	size_t n_modules;
	char esp_folders[1024]; /* of the ESP, with extensions that no stub hands over; NUL-separated */
	size_t n_esp_folders;
	char host_folders[1024]; /* the same for the host */
	size_t n_host_folders;
	unsigned esp_max_mib; /* of all that is copied from there; 0: a part of the memory */
	char required_extensions[1024]; /* without one of them the boot ends; NUL-separated */
	size_t n_required_extensions;
	struct digests denied_certificates; /* SHA-256 of the DER; no signature of theirs counts */
	struct digests denied_root_hashes;  /* nothing makes these acceptable */
	char minimum_version[CONFIG_VERSION_BYTES]; /* of the root; "" for any */
	bool secure_boot_required;
	enum lockdown lockdown; /* what the kernel must have at least */
	bool root_extensions; /* those in the new root are merged over it */
	bool luks_prompt; /* a person may type a passphrase for an encrypted root */
	struct digests luks_keys; /* HMAC-SHA256 of the volume keys that it may have; none: any */
	bool exitrd; /* the host finds this program at its end, to take down what it stood on */
	bool hook_scripts;    /* hooks may be scripts, which an interpreter runs */
	bool hook_extensions; /* extensions may bring hooks */
	bool hook_measure;    /* each is measured before it runs */
	char debug_key[128];  /* of a debug image, as crypt(3) hashed it; "" in all others */
};

#define CONFIG_DEFAULTS                                                                \
	{                                                                              \
		.tpm = TPM_ANNOUNCED, .srk = true, .failure = FAILURE_REBOOT,          \
		.failure_delay_s = 10, .timeout_s = 90, .fsck_timeout_s = 1800,        \
		.panic_on_corruption = true,                                           \
	}

/* Lines of "key=value"; '#' starts a comment line. Everything has a default.
 * Errors: ERR_CONFIG for an unknown key or value, with the line number. */
int config_parse(const char *text, size_t n, struct config *ret, struct err *e);
