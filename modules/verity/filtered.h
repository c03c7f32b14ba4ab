/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filtered.h - the partition table as an image filter shows it. */
#pragma once

#include "modules/disk/gpt.h"
#include "modules/trust/filter.h"

/* Marks the partitions whose labels the filter does not match: from then on nothing finds
 * them. Pure. */
void filter_apply(const struct filter *f, struct gpt *gpt);
