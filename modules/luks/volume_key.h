/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* volume_key.h - whose volume it is: the key that it is encrypted by says so, and nothing else.
 * Spec: crypttab(5), fixate-volume-key= and tpm2-measure-pcr=. */
#pragma once

#include "init/core/bytes.h"
#include "modules/luks/luks.h"

/* Errors: ERR_LUKS_KEY if the request names keys, and this is none of them. */
int volume_key_check(const struct luks_request *q, const char *uuid, struct bytes key, struct err *e);

/* Measures it, unless this boot is not measured. Errors: ERR_TPM_FAILED. */
int volume_key_measure(const struct luks_request *q, const char *uuid, struct bytes key, struct err *e);
