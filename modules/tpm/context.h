/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* context.h - an open TPM, for the files of this folder alone. */
#pragma once

#include <stdbool.h>
#include <tss2/tss2_esys.h>

#include "init/core/clock.h"
#include "modules/tpm/bank.h"
#include "modules/tpm/command.h"
#include "modules/tpm/tpm.h"

/* The device is read with a time limit: a TPM that hangs costs this once to open it and
 * once for a command, then every further command fails at once. The kernel's driver has
 * its own limit for each command, so closing the device does not hang either. */
enum { TPM_COMMAND_MS = 30000 };

struct banks {
	const struct bank *at[TPM_MAX_BANKS];
	size_t n;
};

/* How often the TPM was reset, and restarted without a reset, in its life. */
struct tpm_starts {
	uint32_t resets, restarts;
};

struct tpm {
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	struct banks used, unused; /* both are full; the firmware measures into the first */
	char *log_path;
	char boot_id[33];
	bool log_failed; /* it lacks a record, and that was said */
	struct tpm_starts starts;
};

/* The code without its layer, and without the number of the handle, parameter or session. */
TSS2_RC tpm_bare_code(TSS2_RC rc);

/* Returns -ERR_TPM_FAILED: the TPM cannot do this, and why. */
int tpm_failed(struct err *e, TSS2_RC rc, const char *doing);

/* The same for what a lock-out can stop: then it says how long that lasts. */
int tpm_refused(struct tpm *t, struct err *e, TSS2_RC rc, const char *doing);

/* That it takes no password of which it counts wrong tries. */
bool tpm_is_locked_out(struct tpm *t);

/* True while the answer to a command that was sent has to be waited for. The
 * library itself sends five times what the TPM is too busy for. */
bool tpm_must_wait(TSS2_RC rc, uint64_t deadline_ms);

/* Errors: ERR_TPM_FAILED. */
int tpm_read_starts(struct tpm *t, struct tpm_starts *ret, struct err *e);

/* The log shows text as it is only if there is nothing to escape. */
bool tpm_is_plain(const char *text);

/* Calls extend() between the marks in the log, and logs m, which it took. What is measured counts,
 * with or without its record. Errors: those of extend(). */
int tpm_extend_logged(struct tpm *t, const struct measurement *m, const char *event_type,
		      int (*extend)(struct tpm *t, const struct measurement *m, const void *arg,
				    struct err *e),
		      const void *arg, struct err *e);

/* For what the library allocated. */
static inline void tpm_esys_free(void *p)
{
	Esys_Free(*(void **)p);
}

/* Sends a command of the library and waits for its answer, but not for ever as the library's
 * own synchronous calls do. */
#define TPM_RUN(t, rc, send, receive)                                          \
	do {                                                                   \
		uint64_t deadline_ms_ = now_ms() + TPM_COMMAND_MS;             \
                                                                               \
		(rc) = (send);                                                 \
		if ((rc) != TSS2_RC_SUCCESS)                                   \
			break;                                                 \
		do {                                                           \
			Esys_SetTimeout((t)->esys, ms_until(deadline_ms_));    \
			(rc) = (receive);                                      \
		} while (tpm_must_wait((rc), deadline_ms_));                   \
	} while (0)
