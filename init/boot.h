/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* boot.h - what one boot knows. Each stage reads what earlier ones proved and adds one
 * typed result; nothing is changed afterwards. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hooks/output.h"
#include "init/core/err.h"
#include "init/record.h"
#include "modules/disk/disk.h"
#include "modules/disk/filesystem.h"
#include "modules/extension/extension.h"
#include "modules/inputs/config.h"
#include "modules/inputs/credentials.h"
#include "modules/inputs/firmware.h"
#include "modules/inputs/options.h"
#include "modules/kernel/kernel.h"
#include "modules/luks/luks.h"
#include "modules/root/root.h"
#include "modules/tpm/nvpcr.h"
#include "modules/tpm/tpm.h"
#include "modules/trust/anchors.h"
#include "modules/trust/filter.h"
#include "modules/trust/policy.h"
#include "modules/verity/set.h"
#include "modules/verity/volume.h"

#define TPM_DEVICE "/dev/tpmrm0"
#define TPM_LOG "/run/log/systemd/tpm2-measure.log"

enum { BOOT_MAX_SLOTS = 16 };

struct kept {
	bool asked, found; /* found: also what nobody can read */
	unsigned n_failed; /* boots in a row before this one, as far as failure-limit= counts */
};

struct boot {
	char *const *argv, *const *envp; /* as the kernel gave them to us */
	uint64_t start_realtime_us, start_monotonic_us;

	struct options options;          /* inputs */
	struct config config;            /* inputs */
	struct kernel *kernel;           /* kernel */
	struct firmware firmware;        /* firmware */
	struct kept kept;                /* firmware: what it keeps of boots before */
	struct tpm *tpm;                 /* tpm; NULL: not measured, the record says why */
	struct nvpcrs nvpcrs;            /* enter; those that are begun can be measured into */
	uint8_t nvpcr_authority[PCR_DIGEST_BYTES]; /* enter; who let them be begun */
	struct credentials credentials;  /* enter */
	struct anchors *anchors;         /* trust */
	struct policy policy;            /* trust */
	struct filter filter;            /* trust */
	struct extensions *extensions;   /* extend; NULL if there are none */
	struct disk disk;                /* discover */
	struct verity_set set;           /* choose */
	const struct partition *state;   /* choose; the root beside a /usr, or NULL */
	unsigned state_use;              /* choose; of that one: USE_UNPROTECTED or USE_ENCRYPTED */
	struct volume *root;             /* prove; or, where the policy lets it be encrypted alone, or in it, */
	struct luks_volume *unlocked;    /* prove */
	struct luks_volume *unlocked_state; /* prove; NULL if state is not encrypted */
	struct purpose purpose;          /* assemble */
	struct purpose state_purpose;    /* assemble */
	struct extensions *root_extensions; /* extend-root; NULL if there are none */
	struct extensions *host_extensions; /* extend-root; likewise */
	struct root_tree tree;           /* check */

	struct record *record;           /* grows with every stage */
	struct outputs outputs;          /* hooks; what they left in /run */
	unsigned n_retries;              /* so far; see attempt.h */
	size_t n_failed_slots;
	struct uuid failed_slots[BOOT_MAX_SLOTS]; /* partitions that were tried in vain, in whatever disk */
	bool capped;                     /* after a failure: see fail_cap() */
	bool switched;                   /* switch: "/" may be the host's, nothing there is ours to run */
};

/* The system is in a root, or in a /usr without one. */
enum designator boot_designator(const struct boot *b);

/* When a device that starts being awaited now counts as missing. */
uint64_t boot_device_deadline(const struct boot *b);

/* kernel_wait() for a device, until that; the record says how long it took. what is for people.
 * Errors: ERR_TIMEOUT, those of done. */
int boot_wait(struct boot *b, int (*done)(void *arg, struct err *e), void *arg, const char *what,
	      struct err *e);

/* The same for the boot disk, for which the command line may give a time of its own. */
int boot_wait_for_disk(struct boot *b, int (*done)(void *arg, struct err *e), void *arg,
		       const char *what, struct err *e);

/* Where credentials are for hooks; NULL if nobody may have any. Whoever asked gives it to
 * credentials_take_back(). */
int boot_lend_credentials(struct boot *b, const char **ret, struct err *e);

/* Measures a word and notes it in the record; nothing where this boot is not measured. */
int boot_measure_into(struct boot *b, unsigned pcr, const char *word, const char *event_type,
		      struct err *e);

/* The same for PCR 11. */
int boot_measure(struct boot *b, const char *word, const char *event_type, struct err *e);
