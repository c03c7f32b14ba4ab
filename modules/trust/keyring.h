/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* keyring.h - the kernel's keyrings: which keys it trusts, and the one of dm-verity (Linux 7.0). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

/* The serial number of the keyring with this name, from the text of /proc/keys;
 * 0 if there is none. Pure. */
int32_t keyring_find(const char *proc_keys, const char *name);

/* Whether the kernel holds the key of a certificate, from the same text. id is the one that the
 * kernel shows: the subject key identifier, or the serial number of a certificate without. Pure. */
bool keyring_lists(const char *proc_keys, struct bytes id);

/* Adds a certificate (DER). Returns 0, or -1 and errno. */
int keyring_add_certificate(int32_t keyring, struct bytes der);

/* Nothing can be added afterwards; the kernel may have sealed it itself, which is as good.
 * Errors: ERR_SYSTEM. */
int keyring_seal(int32_t keyring, const char *name, struct err *e);
