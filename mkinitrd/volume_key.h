/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* volume_key.h - what opening an encrypted volume makes of PCR 15.
 * Spec: crypttab(5), tpm2-measure-pcr=. */
#pragma once

#include "init/core/err.h"
#include "mkinitrd/pcr.h"

/* Extends as systemd-cryptsetup does when it has opened the volume that text says:
 * NAME:UUID:FILE, with the LUKS UUID and a file of the bytes of the volume's key, of which no
 * copy is left; or NAME:UUID if the key is not known. Returns 1, or 0 and leaves *pcr alone in that
 * last case. Errors: ERR_CONFIG for a text or file that is nothing of this; ERR_SYSTEM. */
int volume_key_extend(struct pcr *pcr, const char *text, struct err *e);
