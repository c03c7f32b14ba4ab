/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* certificate.h - trust anchors for the initrd. */
#pragma once

#include "init/core/err.h"
#include "mkinitrd/initrd.h"

/* Adds source (PEM) as /usr/lib/verity.d/NAME.crt, the only suffix that is read there.
 * It must hold what PID 1 takes, and no private key: an initrd is public.
 * Errors: ERR_CERTIFICATE, and those of initrd_add_text(). */
int certificate_add(struct initrd *i, const char *source, struct err *e);
