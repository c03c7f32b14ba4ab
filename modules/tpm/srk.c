/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/srk.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "init/core/file.h"
#include "modules/tpm/context.h"

#define SRK_HANDLE 0x81, 0, 0, 1
#define OWNER 0x40, 0, 0, 1
/* An empty password, in no session. */
#define EMPTY_AUTH 0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0
#define HEADER(sessions, n, code) 0x80, 1 + (sessions), 0, 0, 0, n, 0, 0, 1, code

enum {
	MAKE_MS = 120000, /* an RSA key may take a minute */
	HEADER_BYTES = 10,
	HANDLE_BYTES = 4,
	PARAMETERS_AT = HEADER_BYTES + HANDLE_BYTES + 4,
};

static const uint8_t read_public[] = { HEADER(0, 14, 0x73), SRK_HANDLE };

/* The templates L-2 and L-1 of the specification: no secret, no policy, SHA-256, children under
 * AES-128 in CFB mode; fixed to the TPM and its parent, made by it, with a password, which
 * is no reason for a lock-out; restricted, for decryption. */
#define TEMPLATE(type, ...)                                                              \
	HEADER(1, 67, 0x31), OWNER, EMPTY_AUTH, 0, 4, 0, 0, 0, 0, 0, 26, 0, type, 0, 0x0b, 0, 3, 4, \
		0x72, 0, 0, 0, 6, 0, 0x80, 0, 0x43, __VA_ARGS__, 0, 0, 0, 0, 0, 0
static const uint8_t make_p256[] = { TEMPLATE(0x23, 0, 0x10, 0, 3, 0, 0x10, 0, 0, 0, 0) };
static const uint8_t make_rsa[] = { TEMPLATE(0x01, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 0) };

/* The handle of the new key goes into the zeros. */
static const uint8_t keep[] = { HEADER(1, 35, 0x20), OWNER, 0, 0, 0, 0, EMPTY_AUTH, SRK_HANDLE };
static const uint8_t flush[] = { HEADER(0, 14, 0x65), 0, 0, 0, 0 };
enum { KEEP_HANDLE_AT = HEADER_BYTES + HANDLE_BYTES, FLUSH_HANDLE_AT = HEADER_BYTES };

_Static_assert(sizeof(make_p256) == 67 && sizeof(make_rsa) == 67, "as the header says");
_Static_assert(sizeof(keep) == 35 && sizeof(flush) == 14 && sizeof(read_public) == 14,
	       "as the header says");

/* Takes the TPM2B_PUBLIC that stands there. */
static int take_public(const struct tpm_answer *a, size_t at, struct srk *ret, struct err *e)
{
	ret->n_public = command_copy_sized(a, at, ret->public, sizeof(ret->public));
	if (!ret->n_public)
		return err_set(e, ERR_TPM_FAILED, 0, "the TPM shows a storage root key of no size");
	return 0;
}

static TSS2_RC run_with_handle(struct tpm *t, const uint8_t *command, size_t n, size_t at,
			       const uint8_t handle[static HANDLE_BYTES])
{
	uint8_t filled[sizeof(keep)];
	struct tpm_answer answer;

	memcpy(filled, command, n);
	memcpy(filled + at, handle, HANDLE_BYTES);
	return tpm_run(t, filled, n, TPM_COMMAND_MS, &answer);
}

static int make(struct tpm *t, struct srk *ret, struct err *e)
{
	struct tpm_answer made;
	TSS2_RC kept, flushed, rc = tpm_run(t, make_p256, sizeof(make_p256), MAKE_MS, &made);

	/* It refuses a parameter: the curve, as there is nothing else to refuse. */
	if ((rc & TPM2_RC_FMT1) && (rc & TPM2_RC_P))
		rc = tpm_run(t, make_rsa, sizeof(make_rsa), MAKE_MS, &made);
	if (rc != TSS2_RC_SUCCESS)
		return tpm_refused(t, e, rc, "make a storage root key");
	if (made.n < PARAMETERS_AT)
		return err_set(e, ERR_TPM_FAILED, 0, "the TPM made a storage root key and shows none");
	kept = run_with_handle(t, keep, sizeof(keep), KEEP_HANDLE_AT, made.bytes + HEADER_BYTES);
	flushed = run_with_handle(t, flush, sizeof(flush), FLUSH_HANDLE_AT, made.bytes + HEADER_BYTES);
	if (kept != TSS2_RC_SUCCESS || flushed != TSS2_RC_SUCCESS)
		return tpm_refused(t, e, kept ? kept : flushed, "keep its storage root key");
	ret->was_made = true;
	return take_public(&made, PARAMETERS_AT, ret, e);
}

int srk_get(struct tpm *t, struct srk *ret, struct err *e)
{
	struct tpm_answer found;
	TSS2_RC tss = tpm_run(t, read_public, sizeof(read_public), TPM_COMMAND_MS, &found);
	int rc;

	ret->was_made = false;
	if (tpm_bare_code(tss) == TPM2_RC_HANDLE)
		rc = make(t, ret, e);
	else if (tss == TSS2_RC_SUCCESS)
		rc = take_public(&found, HEADER_BYTES, ret, e);
	else
		rc = tpm_refused(t, e, tss, "read its storage root key");
	return rc < 0 ? rc : public_to_pem(ret->public, ret->n_public, ret->pem, e);
}

int srk_write(const struct srk *srk, const char *folder, struct err *e)
{
	char public[256], pem[256];
	int rc = make_dirs(folder, 0755, e);

	snprintf(public, sizeof(public), "%s/" SRK_NAME ".tpm2b_public", folder);
	snprintf(pem, sizeof(pem), "%s/" SRK_NAME ".pem", folder);
	if (rc >= 0)
		rc = file_write(public, 0444, srk->public, srk->n_public, e);
	if (rc >= 0)
		rc = file_write(pem, 0444, srk->pem, strlen(srk->pem), e);
	if (rc < 0) {
		unlink(pem);
		unlink(public);
	}
	return rc;
}
