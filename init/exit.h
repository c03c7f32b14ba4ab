/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* exit.h - the end of the host, where slipway.conf left this program for it. */
#pragma once

/* Takes down what the host stood on, and does what argv[1] says: poweroff, reboot, halt or kexec.
 * That takes no longer than half a minute, whatever hangs. */
_Noreturn void exit_run(char *const argv[]);
