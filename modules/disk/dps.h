/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dps.h - discoverable partition types, and the choice of the root.
 * Spec: UAPI.2 (discoverable partitions), UAPI.10 (version order). Pure. */
#pragma once

#include "init/core/err.h"
#include "modules/disk/gpt.h"

enum designator { DPS_ROOT, DPS_USR };
enum role { DPS_DATA, DPS_HASH, DPS_SIGNATURE };

/* The type for the architecture that we run on. */
const struct uuid *dps_type(enum designator d, enum role r);

/* "root" or "usr". */
const char *dps_name(enum designator d);

/* "x86-64": UAPI.2's word for the architecture that we run on. */
const char *dps_architecture(void);

/* Is this such a word, of any architecture known here? */
bool dps_is_architecture(const char *name);

/* "root-x86-64-verity", "esp", ... for any known type of any architecture;
 * "unknown" else. */
const char *dps_type_name(const struct uuid *type);

bool dps_is_esp_or_xbootldr(const struct uuid *type);

/* Why nothing may be chosen by itself in this partition, whatever its type (no-auto,
 * emptied, half written, tried in vain), or NULL. A static string. */
const char *dps_skips(const struct partition *p);

/* Is the version in the label, which follows the last '_', at least the minimum by UAPI.10? ""
 * and a label without one pass: only what is proven can settle it. Errors: ERR_ROLLBACK. */
int dps_check_version(const struct partition *p, const char *minimum, struct err *e);

/* UAPI.2: the data partition's UUID is the first half of the root hash, that of the
 * hash partition the last one (the first and last 128 bits of a longer hash). */
struct dps_halves {
	struct uuid data, hash;
};

/* n is at least 16. */
struct dps_halves dps_halves(const uint8_t *root_hash, size_t n);

/* What narrows the choice; zeroed, it narrows nothing. */
struct dps_wish {
	const struct uuid *uuid; /* only the data partition with this UUID */
	const char *label;       /* only a data partition with this label */
	const char *devname;     /* only the partition that the kernel calls so ("vda2") */
};

/* Why each partition was or was not chosen; index as in gpt->partitions.
 * Static strings. */
struct dps_verdicts {
	const char *why[GPT_MAX_ENTRIES];
};

/* Chooses the data partition of d: native architecture, not no-auto, not
 * labelled "_empty" or "PRT#.../PND#..." (half written), then the highest label
 * by version_compare(). Of equal labels none: ERR_ROOT_AMBIGUOUS.
 * The chosen partition must not overlap: ERR_GPT_OVERLAP.
 * Errors further: ERR_ROOT_MISSING (names a foreign architecture's root if
 * that is what the disk has). *ret points into gpt. */
int dps_choose(const struct gpt *gpt, enum designator d, const struct dps_wish *wish,
	       struct dps_verdicts *verdicts, const struct partition **ret, struct err *e);
