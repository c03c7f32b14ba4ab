/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* predict_nvpcr.h - what NvPCRs come to, and PCR 9, which knows of each that is begun; by the
 * code of the boot. Pure. */
#pragma once

#include "mkinitrd/predict.h"
#include "modules/tpm/nvpcr.h"
#include "modules/verity/signature.h"

struct predict_nvpcr_input {
	const char *name;          /* of what is booted, "root" or "usr"; NULL: root */
	const char *root_hash;     /* in hex; NULL: not told */
	struct verity_signature signature; /* of that, if the kernel will accept it; owned */
	bool opens_volume;         /* and measures then by which key slot */
};

struct predict_nvpcrs {
	size_t n;
	struct {
		char name[NVPCR_NAME_BYTES];
		uint32_t index;
		struct pcr value; /* of sha256 alone */
		const char *unknown; /* why it cannot be told; else NULL */
	} at[NVPCR_MAX];
	struct err why; /* if it has a code, there are none, which is why */
};

/* Behind predict(), for pcr-scheme=261: extends p->kernel_initrd. What initrd defines counts.
 * Errors: ERR_CONFIG if the UKI is none, ERR_SIGNATURE_MALFORMED, ERR_MEMORY, ERR_SYSTEM. */
int predict_nvpcrs(const struct predict_nvpcr_input *in, struct bytes uki,
		   const struct predict_initrd *initrd, struct prediction *p,
		   struct predict_nvpcrs *ret, struct err *e);
