/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* timeline.h - what took time in a boot, of its record. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"

struct json_object;

enum lane { LANE_STAGES, LANE_WAITS, LANE_MODULES, LANE_TPM, LANE_HOOKS, N_LANES };

struct span {
	enum lane lane;
	const char *name; /* the record's, not fit for a terminal; never NULL */
	uint64_t start_us, end_us;
	bool open;   /* had not ended when the record was written; end_us is the boot's */
	bool failed;
};

struct timeline {
	struct span *spans; /* by lane, then by start */
	size_t n;
	uint64_t start_us, end_us; /* of all */
};

/* Takes the spans out of a record, which has to outlive them. Errors: ERR_MEMORY. */
int timeline_read(struct json_object *record, struct timeline *ret, struct err *e);

void timeline_done(struct timeline *t);

/* "modules": what a lane is called. */
const char *lane_name(enum lane lane);
