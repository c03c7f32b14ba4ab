/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* err.h - the one error type: a reason code, what failed, and where.
 *
 * A function that can fail returns 0 (or a count) or a negative reason code,
 * and has filled *e then. The outermost caller, the stage runner, reports it;
 * nobody logs an error and returns it as well. */
#pragma once

#include <stdbool.h>

enum err_code {
	ERR_NONE = 0,
#define ERR(code, meaning, next) ERR_##code,
#include "init/core/err.def"
#undef ERR
	ERR_N_CODES,
};

struct err {
	enum err_code code;
	int errnum;       /* errno at the time, 0 if none applies */
	char what[320];   /* the failure, one sentence, objects in single quotes */
	char where[160];  /* "inner < outer", grows as the error travels up */
};

/* Fills *e and returns -code, so that failing is one line. What a terminal could obey
 * becomes '?', here and in err_in() and log_at(): names are somebody else's. errnum 0 adds no
 * system error text. */
__attribute__((format(printf, 4, 5), warn_unused_result))
int err_set(struct err *e, enum err_code code, int errnum, const char *fmt, ...);

/* Adds an outer context to *e and returns -code. */
__attribute__((format(printf, 2, 3)))
int err_in(struct err *e, const char *fmt, ...);

/* "SIGNATURE_UNTRUSTED": stable, what tests and records compare. */
const char *err_name(enum err_code code);

/* What the code means to a person at the machine. */
const char *err_meaning(enum err_code code);

/* What that person can do about it. */
const char *err_advice(enum err_code code);
