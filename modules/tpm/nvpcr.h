/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nvpcr.h - NvPCRs: indices of the TPM's memory that are extended like PCRs, and that nobody but
 * the initrd whose phase the vendor signed can begin.
 * Spec: TPM 2.0 part 3, TPM2_NV_Extend; systemd 262's *.nvpcr files and its log words. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/bytes.h"
#include "init/core/err.h"
#include "modules/tpm/pcrkey.h"

enum {
	NVPCR_MAX = 16,
	NVPCR_NAME_BYTES = 32, /* with its NUL */
	NVPCR_FILE_MAX_BYTES = 4096,
	NVPCR_WORD_BYTES = 160,
	NVPCR_PUBLIC_BYTES = 46, /* TPMS_NV_PUBLIC */
	NVPCR_ATTRIBUTES_AT = 6,
	/* In the first byte of those: */
	NVPCR_WRITTEN = 0x20,
	NVPCR_CLEARED = 0x08, /* by a reset */
	NVPCR_ORDERLY = 0x04,
	NVPCR_PCR = 9,           /* knows of every index that was begun */
};

#define NVPCR_REF "initrd" /* of the signatures that let an index be begun */

struct nvpcr {
	char name[NVPCR_NAME_BYTES];
	uint32_t index;
	int64_t priority; /* the lowest comes first */
	bool orderly;      /* kept in the TPM's RAM as long as it runs */
	bool begun;
};

struct nvpcrs {
	size_t n;
	struct nvpcr at[NVPCR_MAX];
};

/* Parses NAME.nvpcr, whose stem is given. Pure. Errors: ERR_UNSUPPORTED, ERR_MEMORY. */
int nvpcr_parse(struct bytes json, const char *stem, struct nvpcr *ret, struct err *e);

/* Keeps the order by priority and name. Pure. Errors: ERR_UNSUPPORTED: too many, or an index
 * that another one has. */
int nvpcrs_add(struct nvpcrs *all, const struct nvpcr *one, struct err *e);

/* NULL if there is none of this name. */
struct nvpcr *nvpcrs_find(struct nvpcrs *all, const char *name);

/* *.nvpcr in nvpcr/ below /etc, /run, /usr/local/lib and /usr/lib; a name in an earlier folder
 * masks the later one, an empty file masks it away. root is prefixed to every path. Errors: those
 * of nvpcr_parse() and nvpcrs_add(), ERR_SYSTEM. */
int nvpcrs_load(const char *root, struct nvpcrs *ret, struct err *e);

/* The digest of the first branch of the policy: who has a signature by this key with NVPCR_REF.
 * Pure. */
void nvpcr_authority(const struct pcr_key *k, uint8_t ret[static PCR_DIGEST_BYTES]);

/* Of the second: the index was begun. Pure. */
extern const uint8_t nvpcr_written[PCR_DIGEST_BYTES];

/* What the TPM shows of the index once it is begun. Pure. */
void nvpcr_public(const struct nvpcr *n, const uint8_t authority[static PCR_DIGEST_BYTES],
		  uint8_t ret[static NVPCR_PUBLIC_BYTES]);

/* "nvpcr-init:NAME:0xINDEX:HEX", which is measured into NVPCR_PCR. Pure. */
void nvpcr_word(const struct nvpcr *n, const uint8_t authority[static PCR_DIGEST_BYTES],
		char ret[static NVPCR_WORD_BYTES]);
