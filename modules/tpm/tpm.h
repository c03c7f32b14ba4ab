/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tpm.h - measuring into the TPM, and the event log beside it.
 * Spec: TCG TPM 2.0 part 3 (PCR_Extend); log format: systemd's tpm2-measure.log. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

struct tpm;

enum { TPM_MAX_BANKS = 4, TPM_MAX_DIGEST_BYTES = 64, TPM_MAX_TEXT_BYTES = 2048, TPM_N_PCRS = 24 };

/* LoaderTpm2ActivePcrBanks: TCG2 bits. */
enum { TPM_BANK_SHA1 = 1, TPM_BANK_SHA256 = 2, TPM_BANK_SHA384 = 4, TPM_BANK_SHA512 = 8 };

struct tpm_digest {
	const char *bank; /* "sha256" */
	size_t n_bytes;
	uint8_t bytes[TPM_MAX_DIGEST_BYTES];
};

struct measurement {
	unsigned pcr;
	uint32_t nv_index; /* instead, if it is not 0, with the name of this NvPCR */
	char nvpcr[32];
	char text[TPM_MAX_TEXT_BYTES]; /* with its NUL */
	size_t n_digests;
	struct tpm_digest digests[TPM_MAX_BANKS];
	uint64_t start_us, duration_us; /* of the extend, CLOCK_BOOTTIME; 0 where there was none */
};

/* Opens the resource manager device. banks: TPM_BANK_*, or 0 or all ones to find
 * the good ones for pcr (all 24 PCRs, not all zero or all one; none: every full
 * bank). log_path is the event log, its folder is made.
 * Errors: ERR_TPM_FAILED, ERR_MEMORY. */
int tpm_open(const char *device, uint32_t banks, unsigned pcr, const char *log_path,
	     struct tpm **ret, struct err *e);

/* Extends pcr with the hash of the text (printable ASCII without quotes and
 * backslashes, which the log would have to escape) in all banks in one command,
 * and logs it. A log that cannot be written is a warning; the extend counts.
 * Errors: ERR_TPM_FAILED. */
int tpm_measure(struct tpm *t, unsigned pcr, const char *text, const char *event_type,
		struct measurement *ret, struct err *e);

/* The same with the HMAC of the text by this key, of which nothing is logged. */
int tpm_measure_keyed(struct tpm *t, unsigned pcr, struct bytes key, const char *text,
		      const char *event_type, struct measurement *ret, struct err *e);

/* Extends pcr with the hash of the text in the banks that the TPM has and the firmware does
 * not use: else anybody could later bring it there to any value, as signed policies know one
 * for every bank. Not logged, as no log speaks of these banks. Errors: ERR_TPM_FAILED. */
int tpm_close_unused(struct tpm *t, unsigned pcr, const char *text, struct err *e);

/* The name of the i-th bank that is used, or of those that tpm_close_unused() closes; NULL after
 * the last. */
const char *tpm_bank(const struct tpm *t, bool used, size_t i);

/* Reads pcr in all banks that are used. Errors: ERR_TPM_FAILED. */
int tpm_read(struct tpm *t, unsigned pcr, struct measurement *ret, struct err *e);

/* Whether something was measured of which the log has no record: then each one that follows
 * leaves the log marked. */
bool tpm_log_is_incomplete(const struct tpm *t);

/* That this is so since an earlier connection of this boot. */
void tpm_log_was_incomplete(struct tpm *t);

/* That the TPM was not reset since tpm_open(). Errors: ERR_TPM_FAILED. */
int tpm_check_starts(struct tpm *t, struct err *e);

void tpm_close(struct tpm *t);
