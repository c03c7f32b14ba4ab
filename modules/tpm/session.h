/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* session.h - sessions with the TPM that whoever listens on the bus learns nothing from. The
 * library has them too, and leaves in its buffers what it decrypts.
 * Spec: TPM 2.0 part 1, 11.4.10 (KDFs), 19 (sessions), 21 (encrypted parameters), annexes B.10
 * and C.6 (secret sharing). */
#pragma once

#include "init/core/bytes.h"
#include "init/core/err.h"
#include "modules/tpm/command.h"
#include "modules/tpm/salt.h"

enum { SESSION_DIGEST_BYTES = 32, SESSION_MAX_AUTH = 32 };

enum session_kind { SESSION_HMAC = 0, SESSION_POLICY = 1 };

struct session {
	uint32_t handle;
	uint8_t key[SESSION_DIGEST_BYTES]; /* secret; session_end() wipes it */
	size_t n_nonce;
	uint8_t nonce[SESSION_DIGEST_BYTES]; /* of the TPM, the last one */
};

/* What of an object counts in a session: the name, and the password that may be empty. */
struct session_object {
	uint32_t handle;
	uint8_t name[SALT_NAME_BYTES];
	size_t n_auth;
	uint8_t auth[SESSION_MAX_AUTH]; /* does not end with zero */
};

/* Starts one with SHA-256 and AES-128 in CFB mode, whose key comes from a salt that only the TPM of
 * the storage key can read, and, if it is bound to an object (or NULL), from its password.
 * TSS2_TCTI_RC_NOT_SUPPORTED: a storage key of another kind than public_to_pem() takes. */
TSS2_RC session_start(struct tpm *t, enum session_kind kind, const struct salt_key *salt,
		      const struct session_object *bound, struct session *ret);

/* Unseals the object, which the policy session authorizes (with its password, if that session has
 * seen PolicyAuthValue), and the other one encrypts. The answer of anybody but the TPM that knows
 * the sessions' keys is no answer. The secret has at most max bytes; the caller wipes it. */
TSS2_RC session_unseal(struct tpm *t, struct session *policy, bool with_password, struct session *cipher,
		       const struct session_object *object, uint8_t *ret, size_t max, size_t *ret_n);

/* Ends it in the TPM, and wipes its key. Takes one that is all zero. */
void session_end(struct tpm *t, struct session *s);
