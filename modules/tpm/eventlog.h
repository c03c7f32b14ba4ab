/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eventlog.h - one record of the userspace event log (RFC 7464 framing). Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "modules/tpm/tpm.h"

/* Formats the record into malloc'ed memory that the caller frees: RS, compact
 * JSON, newline; keys in the order that systemd-pcrlock reads. boot_id: 32 hex
 * digits. Returns NULL without memory. */
char *eventlog_format(const struct measurement *m, const char *event_type, const char *boot_id,
		      uint64_t boottime_us, size_t *ret_n);
