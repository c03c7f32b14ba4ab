/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* predict_initrd.h - what the initrd in a UKI was told about PCRs. Pure. */
#pragma once

#include "hooks/point.h"
#include "init/core/bytes.h"
#include "init/core/err.h"
#include "mkinitrd/image.h"
#include "mkinitrd/pcr.h"
#include "modules/inputs/config.h"

struct predict_initrd {
	struct image image;   /* points into the UKI */
	struct config config; /* its slipway.conf */
	struct err why;       /* if it has a code, why it cannot be read: config has the defaults */
};

/* The initrd in a UKI, unpacked, with its slipway.conf. It counts as one that cannot be read if
 * init would refuse that. It points into uki. For predict_initrd_done(). */
void predict_initrd_open(struct bytes uki, struct predict_initrd *ret);
void predict_initrd_done(struct predict_initrd *i);

/* Extends pcr with the words of the hooks in it at these points, from first to last, if its
 * slipway.conf has them measured. Returns 1
 * if extensions may bring more, which are measured, too; 0 if not. Errors: ERR_MEMORY, ERR_SYSTEM. */
int predict_hooks(const struct predict_initrd *i, enum hook_point first, enum hook_point last,
		  struct pcr *pcr, struct err *e);
