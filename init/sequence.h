/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sequence.h - runs the boot: the table is in sequence.c. */
#pragma once

#include "init/boot.h"

struct stage {
	const char *name; /* log prefix, record entry, section of slipway-init(8) */
	int (*run)(struct boot *b, struct err *e);
	void (*undo)(struct boot *b); /* accepts half-made state; NULL if nothing to undo */
};

/* Runs every stage in order. Returns only if one failed: everything is undone in
 * reverse then, *ret_failed names the stage and *e holds its error. */
void sequence_run(struct boot *b, const char **ret_failed, struct err *e);
