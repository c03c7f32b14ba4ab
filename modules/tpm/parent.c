/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/parent.h"

#include <string.h>

#include "modules/tpm/context.h"

enum {
	MAKE_MS = 120000, /* an RSA key may take a minute */
	PARAMETERS_AT = COMMAND_HEADER_BYTES + 4, /* after the size of them, where there is one */
	HANDLE_BYTES = 4,
};

/* Takes TPM2B_PUBLIC at a place of an answer. */
static bool take_public(const struct tpm_answer *a, size_t at, struct salt_key *ret)
{
	ret->n_public = command_copy_sized(a, at, ret->public, sizeof(ret->public));
	return ret->n_public > 0;
}

static TSS2_RC read_kept(struct tpm *t, const struct sealed_handle *h, struct parent *ret)
{
	uint8_t name[SALT_NAME_BYTES];
	struct tpm_answer a;
	struct command c;
	TSS2_RC rc;

	command_begin_with(&c, false, TPM2_CC_ReadPublic, h->handle);
	rc = command_run(t, &c, COMMAND_HEADER_BYTES, &a);
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	if (!take_public(&a, COMMAND_HEADER_BYTES, &ret->key))
		return TSS2_TCTI_RC_MALFORMED_RESPONSE;
	ret->key.handle = h->handle;
	/* Whoever sits between us and the TPM could show a key of his own. */
	ret->is_right = h->n_name == sizeof(name) &&
			salt_name(ret->key.public + 2, ret->key.n_public - 2, name) &&
			memcmp(name, h->name, sizeof(name)) == 0;
	return rc;
}

/* The keys of old tokens: unlike the storage root key they count wrong passwords, of which they
 * have none. */
static TSS2_RC make(struct tpm *t, enum sealed_primary kind, struct parent *ret)
{
	static const uint8_t ecc[] = { 0, 0x23, 0, 0x0b, 0, 3, 0, 0x72, 0, 0, 0, 6, 0, 0x80, 0, 0x43,
				       0, 0x10, 0, 3, 0, 0x10, 0, 0, 0, 0 };
	static const uint8_t rsa[] = { 0, 0x01, 0, 0x0b, 0, 3, 0, 0x72, 0, 0, 0, 6, 0, 0x80, 0, 0x43,
				       0, 0x10, 8, 0, 0, 0, 0, 0, 0, 0 };
	_Static_assert(sizeof(ecc) == sizeof(rsa), "the size of either");
	struct tpm_answer a;
	struct command c;
	TSS2_RC rc;

	command_begin_with(&c, true, TPM2_CC_CreatePrimary, COMMAND_OWNER);
	command_put_authorization(&c, COMMAND_PASSWORD);
	command_put_sized(&c, (const uint8_t[4]){ 0 }, 4); /* neither password nor data */
	command_put_sized(&c, kind == SEALED_RSA ? rsa : ecc, sizeof(ecc));
	command_put_16(&c, 0);
	command_put_32(&c, 0);
	rc = command_run_within(t, &c, MAKE_MS, PARAMETERS_AT + HANDLE_BYTES, &a);
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	ret->key.handle = be32(a.bytes + COMMAND_HEADER_BYTES);
	ret->is_transient = true;
	ret->is_right = true;
	return take_public(&a, PARAMETERS_AT + HANDLE_BYTES, &ret->key) ? rc : TSS2_TCTI_RC_MALFORMED_RESPONSE;
}

TSS2_RC parent_get(struct tpm *t, const struct sealed *s, struct parent *ret)
{
	*ret = (struct parent){ .is_right = false };
	return s->srk.handle ? read_kept(t, &s->srk, ret) : make(t, s->primary, ret);
}

void parent_put(struct tpm *t, struct parent *p)
{
	if (p->is_transient)
		command_flush(t, p->key.handle);
}

/* What has its size before it, with that. */
static struct bytes take_sized(struct bytes *left)
{
	size_t n = left->n >= 2 ? 2u + be16(left->p) : SIZE_MAX;
	struct bytes taken = { left->p, n };

	if (n > left->n)
		return (struct bytes){ 0 };
	left->p += n;
	left->n -= n;
	return taken;
}

/* The private part as if it had been made under the key. */
static TSS2_RC import(struct tpm *t, const struct parent *p, struct bytes public, struct bytes seed,
		      struct tpm_answer *a, struct bytes *private)
{
	struct command c;
	TSS2_RC rc;

	command_begin_with(&c, true, TPM2_CC_Import, p->key.handle);
	command_put_authorization(&c, COMMAND_PASSWORD);
	command_put_16(&c, 0); /* no inner wrapper: no key, and no cipher */
	command_put(&c, public.p, public.n);
	command_put(&c, private->p, private->n);
	command_put(&c, seed.p, seed.n);
	command_put_16(&c, TPM2_ALG_NULL);
	rc = command_run(t, &c, PARAMETERS_AT + 2, a);
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	*private = (struct bytes){ a->bytes + PARAMETERS_AT, a->n - PARAMETERS_AT };
	*private = take_sized(private);
	return private->p ? rc : TSS2_TCTI_RC_MALFORMED_RESPONSE;
}

static TSS2_RC load(struct tpm *t, const struct parent *p, struct bytes private, struct bytes public,
		    struct session_object *ret)
{
	struct tpm_answer a;
	struct command c;
	TSS2_RC rc;

	command_begin_with(&c, true, TPM2_CC_Load, p->key.handle);
	command_put_authorization(&c, COMMAND_PASSWORD);
	command_put(&c, private.p, private.n);
	command_put(&c, public.p, public.n);
	rc = command_run(t, &c, COMMAND_HEADER_BYTES + HANDLE_BYTES, &a);
	if (rc == TSS2_RC_SUCCESS)
		ret->handle = be32(a.bytes + COMMAND_HEADER_BYTES);
	return rc;
}

TSS2_RC parent_load(struct tpm *t, const struct parent *p, struct bytes blob, struct session_object *ret,
		    bool *ret_whole)
{
	struct bytes private = take_sized(&blob), public = take_sized(&blob), seed = { 0 };
	struct tpm_answer a;
	TSS2_RC rc = TSS2_RC_SUCCESS;

	if (blob.n)
		seed = take_sized(&blob);
	*ret_whole = private.p && public.p && blob.n == 0 &&
		     salt_name(public.p + 2, public.n - 2, ret->name);
	if (!*ret_whole)
		return rc;
	if (seed.n)
		rc = import(t, p, public, seed, &a, &private);
	return rc == TSS2_RC_SUCCESS ? load(t, p, private, public, ret) : rc;
}
