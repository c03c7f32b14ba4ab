/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stub_cmdline.h - the command line as systemd-stub 257 to 262 puts it together. Pure. */
#pragma once

#include <stdbool.h>

#include "init/core/bytes.h"
#include "init/core/err.h"
#include "mkinitrd/output.h"
#include "mkinitrd/pcr.h"

/* Appends a text, up to a NUL: trimmed, control characters as spaces, and a space before it if it
 * is not the first; whose names it in messages. Errors: ERR_UNSUPPORTED if it is not plain ASCII,
 * ERR_MEMORY. */
int stub_cmdline_join(struct buffer *cmdline, struct bytes text, const char *whose, struct err *e);

/* Whether a stub would leave it to the command line which console there is. */
bool stub_cmdline_has_console(const struct buffer *cmdline);

/* Extends by the text in UTF-16 with its NUL. Errors: ERR_MEMORY, ERR_SYSTEM. */
int stub_cmdline_measure(struct pcr *pcr, const struct buffer *cmdline, struct err *e);
