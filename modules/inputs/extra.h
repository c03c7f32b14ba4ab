/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* extra.h - what the stub left in /.extra and the host needs later.
 * Spec: systemd-stub(7), "Initrd resources". */
#pragma once

#include "init/core/err.h"

/* Copies the PCR signature and public key, the profile, the os-release and the boot
 * secret to /run/systemd, as systemd's own tmpfiles would; /.extra goes away with the
 * initrd. Absent files are fine. */
int extra_stage(struct err *e);
