/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* report.h - the findings of verify, a line or a JSON object each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/err.h"

enum verdict {
	VERDICT_OK,
	VERDICT_NOTE, /* would boot, and somebody should know */
	VERDICT_SKIP, /* could not be looked at */
	VERDICT_FAIL, /* would not boot, or not do what was asked for */
};

struct report {
	bool json;
	bool beside; /* what fails now keeps nothing from booting: a note */
	size_t n, n_failed, n_beside;
};

void report_begin(struct report *r, bool json);

/* object is what was looked at, as a person would name it; whatever it and the text hold,
 * what is printed is one line. */
__attribute__((format(printf, 4, 5)))
void report_add(struct report *r, enum verdict v, const char *object, const char *fmt, ...);

/* VERDICT_FAIL with what *e says, its code and the way out. */
void report_error(struct report *r, const char *object, const struct err *e);

/* Returns 0, or -1 and errno if it could not be printed. */
int report_end(struct report *r);
