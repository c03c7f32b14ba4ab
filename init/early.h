/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* early.h - the ground that everything else stands on. */
#pragma once

#include "init/core/err.h"

/* Mounts /proc, /sys, /dev and /run as systemd would, opens the console and the log,
 * also where it fails: that has to be said. Until then messages are buffered. Errors: ERR_SYSTEM. */
int early_mounts(struct err *e);

/* The C library of a static program applies no RELRO: makes the relocated data
 * read-only, as its program header asks for. Errors: ERR_SYSTEM. */
int early_protect_relro(struct err *e);
