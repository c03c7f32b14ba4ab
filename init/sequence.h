/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sequence.h - runs the boot: the table is in sequence.c. */
#pragma once

#include "init/boot.h"

struct stage {
	const char *name; /* log prefix, record entry, section of slipway-init(8) */
	int (*run)(struct boot *b, struct err *e);
	void (*undo)(struct boot *b); /* accepts half-made state; NULL if nothing to undo */
};

/* Runs every stage in order. Returns only if one failed: that one, and *e holds its
 * error. */
const struct stage *sequence_run(struct boot *b, struct err *e);

/* Undoes all stages up to the one that failed, in reverse. */
void sequence_undo(struct boot *b, const struct stage *failed);
