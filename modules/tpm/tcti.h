/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tcti.h - a TPM behind any transport, for tpm.c and its test. */
#pragma once

#include <tss2/tss2_tcti.h>

#include "modules/tpm/tpm.h"

/* As tpm_open(). Takes the malloc'ed and initialised tcti, also on failure. */
int tpm_open_tcti(TSS2_TCTI_CONTEXT *tcti, uint32_t banks, unsigned pcr, const char *log_path,
		  struct tpm **ret, struct err *e);
