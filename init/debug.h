/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* debug.h - the shell of a debug image. No other image has the programs, or a key. */
#pragma once

#include <stdbool.h>

/* Says so, in every boot of a debug image. hash is debug-key= of slipway.conf, "" if there is none. */
void debug_announce(const char *hash);

/* After a failure: asks on the console for the key, and waits until the shell ends, or nobody
 * had the key for a minute. Without a key in slipway.conf it does nothing, and without a capped
 * PCR 11, or as long as a secret that init handed out is there or an encrypted volume is open, it
 * opens none. */
void debug_shell(const char *hash, bool capped);
