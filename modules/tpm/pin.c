/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/pin.h"

/* Its header asks for a compiler's macro that is none of ours. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wundef"
#include <argon2.h>
#pragma GCC diagnostic pop
#include <mbedtls/base64.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/pkcs5.h>
#include <mbedtls/sha256.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "init/core/cleanup.h"

enum { PBKDF2_ROUNDS = 10000, HALF = 32, TEXT_BYTES = 45 /* base64 of 32 bytes */ };

struct stretched {
	uint8_t bytes[2 * HALF];
	char text[TEXT_BYTES];
};

static void stretched_wipe(struct stretched *s)
{
	explicit_bzero(s, sizeof(*s));
}

void pin_wipe(struct pin *p)
{
	explicit_bzero(p, sizeof(*p));
}

static int to_text(struct stretched *s, size_t at, struct err *e)
{
	size_t n;

	if (mbedtls_base64_encode((unsigned char *)s->text, sizeof(s->text), &n, s->bytes + at, HALF) != 0)
		return err_set(e, ERR_SYSTEM, 0, "write a stretched PIN as text");
	return 0;
}

static int by_pbkdf2(const struct sealed *s, const char *text, struct stretched *ret, struct err *e)
{
	if (mbedtls_pkcs5_pbkdf2_hmac_ext(MBEDTLS_MD_SHA256, (const uint8_t *)text, strlen(text), s->salt,
					  s->n_salt, PBKDF2_ROUNDS, HALF, ret->bytes) != 0)
		return err_set(e, ERR_SYSTEM, 0, "stretch a PIN");
	return to_text(ret, 0, e);
}

/* Whoever wrote the token may ask for so much that the kernel would end us for it. */
static bool fits_into_memory(uint32_t memory_kib)
{
	struct sysinfo info;

	return sysinfo(&info) == 0 && memory_kib <= (uint64_t)info.totalram * info.mem_unit / 1024 / 2;
}

static int by_argon2id(const struct sealed *s, const char *text, struct pin *p, struct stretched *ret,
		       struct err *e)
{
	const struct sealed_argon2id *a = &s->argon2id;
	int rc;

	if (!fits_into_memory(a->memory_kib))
		return err_set(e, ERR_MEMORY, 0, "the PIN of this token takes %u MiB, more than half of the memory",
			       (unsigned)(a->memory_kib / 1024));
	rc = argon2id_hash_raw(a->iterations, a->memory_kib, a->lanes, text, strlen(text), s->salt, s->n_salt,
			       ret->bytes, sizeof(ret->bytes));
	if (rc != ARGON2_OK)
		return err_set(e, ERR_MEMORY, 0, "stretch a PIN: %s", argon2_error_message(rc));
	memcpy(p->key, ret->bytes, PIN_KEY_BYTES);
	p->has_key = true;
	return to_text(ret, HALF, e);
}

int pin_prepare(const struct sealed *s, const char *text, struct pin *ret, struct err *e)
{
	SCOPED(stretched_wipe) struct stretched stretched = { .text = "" };
	int rc = 0;

	*ret = (struct pin){ .n_auth = PIN_AUTH_BYTES };
	if (s->argon2id.memory_kib)
		rc = by_argon2id(s, text, ret, &stretched, e);
	else if (s->n_salt)
		rc = by_pbkdf2(s, text, &stretched, e);
	if (rc < 0)
		return rc;
	if (*stretched.text)
		text = stretched.text;
	if (mbedtls_sha256((const uint8_t *)text, strlen(text), ret->auth, 0) != 0)
		return err_set(e, ERR_SYSTEM, 0, "hash a PIN");
	while (ret->n_auth && ret->auth[ret->n_auth - 1] == 0)
		ret->n_auth--;
	return 0;
}

int pin_finish(const struct pin *p, struct bytes secret, uint8_t ret[static PIN_KEY_BYTES], struct err *e)
{
	static const char info[] = "systemd-tpm2-argon2id-lock";

	if (mbedtls_hkdf(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), secret.p, secret.n, p->key,
			 PIN_KEY_BYTES, (const uint8_t *)info, sizeof(info) - 1, ret, PIN_KEY_BYTES) != 0)
		return err_set(e, ERR_SYSTEM, 0, "make a key out of a PIN and a secret");
	return 0;
}
