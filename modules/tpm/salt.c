/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/salt.h"

#include <mbedtls/ecdh.h>
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>
#include <string.h>
#include <sys/random.h>

#include "init/core/cleanup.h"

enum {
	SHA256 = 0x0b,
	MAX_POINT = 48, /* bytes of a coordinate: P-384 */
};

int salt_random(void *unused, unsigned char *p, size_t n)
{
	(void)unused;
	for (ssize_t got; n; p += got, n -= (size_t)got) {
		got = getrandom(p, n, 0);
		if (got <= 0)
			return -1;
	}
	return 0;
}

bool salt_name(const uint8_t *public, size_t n, uint8_t ret[static SALT_NAME_BYTES])
{
	ret[0] = 0;
	ret[1] = SHA256;
	return n > 4 && public[2] == 0 && public[3] == SHA256 && mbedtls_sha256(public, n, ret + 2, 0) == 0;
}

/* KDFe for a salt: of what both sides know, by the first coordinates of their public points. */
static bool kdfe(const uint8_t *z, const uint8_t *ours, const uint8_t *theirs, size_t n,
		 uint8_t ret[static SALT_BYTES])
{
	uint8_t text[4 + MAX_POINT + 7 + 2 * MAX_POINT] = { 0, 0, 0, 1 };
	size_t at = 4;
	bool good;

	memcpy(text + at, z, n);
	memcpy(text + at + n, "SECRET", 7);
	at += n + 7;
	memcpy(text + at, ours, n);
	memcpy(text + at + n, theirs, n);
	good = mbedtls_sha256(text, at + 2 * n, ret, 0) == 0;
	explicit_bzero(text, sizeof(text));
	return good;
}

struct exchange {
	mbedtls_ecp_group group;
	mbedtls_ecp_point theirs, ours;
	mbedtls_mpi private, z;
	uint8_t x[MAX_POINT], y[MAX_POINT], their_x[MAX_POINT], z_bytes[MAX_POINT];
};

static void exchange_begin(struct exchange *x)
{
	mbedtls_ecp_group_init(&x->group);
	mbedtls_ecp_point_init(&x->theirs);
	mbedtls_ecp_point_init(&x->ours);
	mbedtls_mpi_init(&x->private);
	mbedtls_mpi_init(&x->z);
}

static void exchange_end(struct exchange *x)
{
	mbedtls_ecp_group_free(&x->group);
	mbedtls_ecp_point_free(&x->theirs);
	mbedtls_ecp_point_free(&x->ours);
	mbedtls_mpi_free(&x->private);
	mbedtls_mpi_free(&x->z);
	explicit_bzero(x->z_bytes, sizeof(x->z_bytes));
}

/* An uncompressed point: 4, x, y. */
static bool coordinates(const mbedtls_ecp_group *g, const mbedtls_ecp_point *p, size_t n, uint8_t *x,
			uint8_t *y)
{
	uint8_t both[1 + 2 * MAX_POINT];
	size_t written = 0;

	if (mbedtls_ecp_point_write_binary(g, p, MBEDTLS_ECP_PF_UNCOMPRESSED, &written, both,
					   sizeof(both)) != 0 || written != 1 + 2 * n)
		return false;
	memcpy(x, both + 1, n);
	if (y)
		memcpy(y, both + 1 + n, n);
	return true;
}

static void put_sized(struct salt *s, const uint8_t *p, size_t n)
{
	s->encrypted[s->n_encrypted] = 0;
	s->encrypted[s->n_encrypted + 1] = (uint8_t)n;
	memcpy(s->encrypted + s->n_encrypted + 2, p, n);
	s->n_encrypted += 2 + n;
}

static bool by_ecc(const mbedtls_ecp_keypair *key, struct salt *ret)
{
	SCOPED(exchange_end) struct exchange x;
	size_t n;

	exchange_begin(&x);
	if (mbedtls_ecp_export(key, &x.group, NULL, &x.theirs) != 0)
		return false;
	n = (mbedtls_ecp_curve_info_from_grp_id(mbedtls_ecp_keypair_get_group_id(key))->bit_size + 7u) / 8;
	if (n > MAX_POINT || mbedtls_ecp_check_pubkey(&x.group, &x.theirs) != 0 ||
	    mbedtls_ecdh_gen_public(&x.group, &x.private, &x.ours, salt_random, NULL) != 0 ||
	    mbedtls_ecdh_compute_shared(&x.group, &x.z, &x.theirs, &x.private, salt_random, NULL) != 0 ||
	    mbedtls_mpi_write_binary(&x.z, x.z_bytes, n) != 0 ||
	    !coordinates(&x.group, &x.ours, n, x.x, x.y) ||
	    !coordinates(&x.group, &x.theirs, n, x.their_x, NULL) ||
	    !kdfe(x.z_bytes, x.x, x.their_x, n, ret->secret))
		return false;
	put_sized(ret, x.x, n);
	put_sized(ret, x.y, n);
	return true;
}

static bool by_rsa(mbedtls_rsa_context *key, struct salt *ret)
{
	size_t n = mbedtls_rsa_get_len(key);

	if (n > sizeof(ret->encrypted) || salt_random(NULL, ret->secret, SALT_BYTES) != 0 ||
	    mbedtls_rsa_set_padding(key, MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_SHA256) != 0 ||
	    mbedtls_rsa_rsaes_oaep_encrypt(key, salt_random, NULL, (const uint8_t *)"SECRET", 7, SALT_BYTES,
					   ret->secret, ret->encrypted) != 0)
		return false;
	ret->n_encrypted = n;
	return true;
}

bool salt_make(const struct salt_key *k, struct salt *ret)
{
	uint8_t name[SALT_NAME_BYTES];
	SCOPED(mbedtls_pk_free) mbedtls_pk_context key;
	char pem[PUBLIC_MAX_PEM];
	struct err ignored;

	mbedtls_pk_init(&key);
	if (k->n_public < 2 || !salt_name(k->public + 2, k->n_public - 2, name) ||
	    public_to_pem(k->public, k->n_public, pem, &ignored) < 0 ||
	    mbedtls_pk_parse_public_key(&key, (const uint8_t *)pem, strlen(pem) + 1) != 0)
		return false;
	return mbedtls_pk_get_type(&key) == MBEDTLS_PK_RSA ? by_rsa(mbedtls_pk_rsa(key), ret)
							   : by_ecc(mbedtls_pk_ec(key), ret);
}

void salt_wipe(struct salt *s)
{
	explicit_bzero(s, sizeof(*s));
}
