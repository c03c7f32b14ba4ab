/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* token.h - one token of a LUKS2 header, as systemd-cryptenroll(1) writes it.
 * Spec: LUKS2 On-Disk Format 1.1.4, 3.4 (tokens); the members of systemd-tpm2.
 * Trust: input is hostile. */
#pragma once

#include "init/core/bytes.h"
#include "init/core/err.h"
#include "modules/tpm/sealed.h"

enum {
	TOKEN_MAX_BYTES = 64 * 1024, /* of the JSON text */
	TOKEN_MAX_KEYSLOTS = 32,     /* as libcryptsetup has */
};

enum token_kind {
	TOKEN_OTHER,    /* of somebody else: nothing of it was looked at but its type */
	TOKEN_TPM2,     /* systemd-tpm2 */
	TOKEN_RECOVERY, /* systemd-recovery: its key slot takes a recovery key */
};

struct token {
	enum token_kind kind;
	unsigned keyslot;     /* of TPM2 and RECOVERY; below TOKEN_MAX_KEYSLOTS */
	struct sealed sealed; /* of TPM2 */
};

/* Parses the JSON text of one token, as crypt_token_json_get() gives it; json.n does not count a
 * NUL behind it. Unknown members are ignored; a known one of another kind or size, one that is
 * there twice, and members that contradict each other are refused. Pure; *ret owns nothing, and is
 * large (some 20 KB).
 * Errors: ERR_UNSUPPORTED, ERR_MEMORY; whether that is the end of the boot is the caller's to say. */
int token_parse(struct bytes json, struct token *ret, struct err *e);
