/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sealed.h - what has to be known about a secret to have the TPM give it out again.
 * Spec: the JSON of systemd-cryptenroll(1), which modules/luks/token.h reads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SEALED_MAX_SHARDS = 2,
	SEALED_MAX_BLOB_BYTES = 4096,
	SEALED_MAX_PEM_BYTES = 4096,
	SEALED_MAX_REF_BYTES = 256, /* of the text with its NUL */
	SEALED_MAX_SALT_BYTES = 256,
	SEALED_MAX_NAME_BYTES = 66,
	SEALED_DIGEST_BYTES = 32,
};

enum sealed_primary { SEALED_ECC, SEALED_RSA };

/* Something that stays in the TPM: its handle, and the name it had then. */
struct sealed_handle {
	uint32_t handle; /* 0 if there is none */
	size_t n_name;
	uint8_t name[SEALED_MAX_NAME_BYTES]; /* the hash's number, the digest */
};

struct sealed_blob {
	size_t n;
	uint8_t bytes[SEALED_MAX_BLOB_BYTES]; /* TPM2B_PRIVATE, TPM2B_PUBLIC, [TPM2B_ENCRYPTED_SECRET] */
};

struct sealed_argon2id {
	uint32_t memory_kib, iterations, lanes; /* all 0: it is not used */
};

/* A pure value; owns nothing. */
struct sealed {
	size_t n_blobs; /* 1, or 2 with a public key and pcrlock */
	struct sealed_blob blobs[SEALED_MAX_SHARDS];
	uint8_t policies[SEALED_MAX_SHARDS][SEALED_DIGEST_BYTES]; /* one for each blob */
	uint32_t pcrs;    /* bit N: PCR N as it was at the enrolment */
	uint16_t bank;    /* TPM_ALG_ID of a known one; 0: sha256 if the TPM has it, else sha1 */
	enum sealed_primary primary; /* only where srk has no handle */
	struct sealed_handle srk;
	bool has_pin;
	size_t n_salt; /* 0: none */
	uint8_t salt[SEALED_MAX_SALT_BYTES];
	struct sealed_argon2id argon2id;
	uint32_t signed_pcrs; /* by the key; 0: there is none */
	size_t n_pem;
	char pem[SEALED_MAX_PEM_BYTES]; /* the key, with its NUL, which n_pem counts */
	bool has_ref;
	char ref[SEALED_MAX_REF_BYTES]; /* an empty reference is not the same as none */
	bool has_pcrlock;
	struct sealed_handle pcrlock_nv; /* may have no handle although has_pcrlock */
};
