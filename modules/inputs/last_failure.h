/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* last_failure.h - one failure, kept in an EFI variable until a boot succeeds.
 * Spec: slipway.conf(5), keep-failure. Trust: what is read is hostile, the host's root can write
 * it as well. */
#pragma once

#include "modules/inputs/efivar.h"
#include "modules/inputs/failure.h"

struct last_failure {
	char code[40]; /* perhaps of another version of slipway */
	char stage[16];
	char what[320];
	unsigned count; /* so many boots in a row failed, as far as failure-limit= counts */
};

/* Pure: the variable as it is read and written. Format cuts what is too long. Errors of parse:
 * ERR_EFI_VARIABLE: no text of a code, a stage, one line and a count up to FAILURE_LIMIT_MAX. */
void last_failure_format(const char *stage, const struct err *failure, unsigned count,
			 struct efivar *ret);
int last_failure_parse(const uint8_t *p, size_t n, struct last_failure *ret, struct err *e);

/* Returns 1 with what was kept, 0 if nothing was. Errors: ERR_EFI_VARIABLE. */
int last_failure_read(struct last_failure *ret, struct err *e);

/* In the place of one that was kept before; the same one is not written again.
 * Errors: ERR_EFI_VARIABLE, on a machine without EFI, too. */
int last_failure_keep(const char *stage, const struct err *failure, unsigned count, struct err *e);

/* Errors: ERR_EFI_VARIABLE. */
int last_failure_forget(struct err *e);
