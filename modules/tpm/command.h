/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* command.h - a command to the TPM, and its answer, as they go over the wire: for what the library
 * does too, but with ten times as much code.
 * Spec: TPM 2.0 part 1, 18 (structure), part 2 (types), part 3 (commands). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

struct tpm;

enum {
	COMMAND_BYTES = 640, /* more than any command of ours */
	COMMAND_HEADER_BYTES = 10, /* of an answer, too */
	COMMAND_PASSWORD = 0x40000009, /* the session of a password, which is empty */
	COMMAND_OWNER = 0x40000001,
	COMMAND_NULL = 0x40000007,
};

struct command {
	size_t n;
	uint8_t bytes[COMMAND_BYTES];
};

/* Starts a command. The tag says whether there will be an authorization. */
void command_begin(struct command *c, bool authorized, uint32_t code);
/* The same with its first handle. */
void command_begin_with(struct command *c, bool authorized, uint32_t code, uint32_t handle);

/* What does not fit is left out, and the TPM refuses the rest. */
void command_put(struct command *c, const void *p, size_t n);
void command_put_8(struct command *c, unsigned v);
void command_put_16(struct command *c, size_t v);
void command_put_32(struct command *c, uint32_t v);
void command_put_sized(struct command *c, const void *p, size_t n);

/* By a session without a nonce and a key of its own, which ends with the command. */
void command_put_authorization(struct command *c, uint32_t session);

struct tpm_answer {
	size_t n;
	uint8_t bytes[1024]; /* with the header */
};

/* Runs one command that is given as it goes over the wire, at most limit_ms. A busy TPM is asked
 * five times. Returns the TPM's code or that of the transport. */
TSS2_RC tpm_run(struct tpm *t, const uint8_t *command, size_t n, unsigned limit_ms,
		struct tpm_answer *ret);

/* Sets the size and runs it, at most TPM_COMMAND_MS. A shorter answer than n is no answer. */
TSS2_RC command_run(struct tpm *t, struct command *c, size_t n, struct tpm_answer *ret);

/* The same with another limit, for what takes a TPM long. */
TSS2_RC command_run_within(struct tpm *t, struct command *c, unsigned limit_ms, size_t n,
			   struct tpm_answer *ret);

/* For what has no answer but a code. */
TSS2_RC command_do(struct tpm *t, struct command *c);

/* Copies what stands there in the answer with its size before it (TPM2B), and with that, into at most
 * max bytes. Returns how many, 0 if it is not whole or too large. */
size_t command_copy_sized(const struct tpm_answer *a, size_t at, uint8_t *ret, size_t max);

/* Has the TPM forget a key or a session. */
void command_flush(struct tpm *t, uint32_t handle);
