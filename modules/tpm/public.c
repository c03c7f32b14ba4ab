/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/public.h"

#include <mbedtls/pem.h>
#include <stdbool.h>
#include <string.h>

#include "init/core/bytes.h"

/* Numbers of the TPM, as in part 2. */
enum { ALG_RSA = 0x01, ALG_AES = 0x06, ALG_NULL = 0x10, ALG_ECC = 0x23 };

enum { MIN_RSA_BYTES = 256, MAX_RSA_BYTES = 512, MAX_DER_BYTES = 600 };

/* What stands before the point in its SubjectPublicKeyInfo: ecPublicKey, the curve, and the
 * mark of an uncompressed point. */
static const struct curve {
	uint16_t number;
	uint8_t width, n_head;
	uint8_t head[27];
} curves[] = {
	{ 3, 32, 27, { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
		       0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
		       0x04 } },
	{ 4, 48, 24, { 0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
		       0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04 } },
};

/* rsaEncryption, without parameters. */
static const uint8_t rsa_algorithm[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
static const uint8_t rsa_exponent[] = { 0x02, 0x03, 0x01, 0x00, 0x01 };

struct reader {
	struct bytes left;
	bool is_short;
};

static struct bytes take(struct reader *r, size_t n)
{
	struct bytes taken = { r->left.p, n };

	if (n > r->left.n) {
		r->is_short = true;
		return (struct bytes){ 0 };
	}
	r->left.p += n;
	r->left.n -= n;
	return taken;
}

static uint16_t take_16(struct reader *r)
{
	struct bytes b = take(r, 2);

	return b.p ? be16(b.p) : 0;
}

static uint32_t take_32(struct reader *r)
{
	uint32_t high = take_16(r);

	return high << 16 | take_16(r);
}

static struct bytes take_sized(struct reader *r)
{
	return take(r, take_16(r));
}

struct der {
	uint8_t bytes[MAX_DER_BYTES];
	size_t n;
};

static void put(struct der *d, const void *p, size_t n)
{
	memcpy(d->bytes + d->n, p, n);
	d->n += n;
}

/* A tag and a length of two bytes. */
static void put_head(struct der *d, uint8_t tag, size_t n)
{
	const uint8_t head[] = { tag, 0x82, (uint8_t)(n >> 8), (uint8_t)n };

	put(d, head, sizeof(head));
}

static bool put_rsa(struct der *d, struct reader *r)
{
	uint16_t scheme = take_16(r), bits = take_16(r);
	uint32_t exponent = take_32(r);
	struct bytes n = take_sized(r);
	size_t n_key;

	if (r->is_short || r->left.n || scheme != ALG_NULL || (exponent && exponent != 65537) ||
	    n.n < MIN_RSA_BYTES || n.n > MAX_RSA_BYTES || n.n != bits / 8u || !(n.p[0] & 0x80))
		return false;
	n_key = 4 + 1 + n.n + sizeof(rsa_exponent);
	put_head(d, 0x30, sizeof(rsa_algorithm) + 4 + 1 + 4 + n_key);
	put(d, rsa_algorithm, sizeof(rsa_algorithm));
	put_head(d, 0x03, 1 + 4 + n_key);
	put(d, "", 1); /* no unused bits */
	put_head(d, 0x30, n_key);
	put_head(d, 0x02, 1 + n.n);
	put(d, "", 1); /* it is positive */
	put(d, n.p, n.n);
	put(d, rsa_exponent, sizeof(rsa_exponent));
	return true;
}

/* Some TPMs leave leading zeros out. */
static void put_padded(struct der *d, struct bytes b, size_t width)
{
	memset(d->bytes + d->n, 0, width - b.n);
	d->n += width - b.n;
	put(d, b.p, b.n);
}

static bool put_ecc(struct der *d, struct reader *r)
{
	uint16_t scheme = take_16(r), number = take_16(r), kdf = take_16(r);
	struct bytes x = take_sized(r), y = take_sized(r);
	const struct curve *c = curves;

	if (number != c->number)
		c++;
	if (r->is_short || r->left.n || scheme != ALG_NULL || kdf != ALG_NULL || number != c->number ||
	    !x.n || !y.n || x.n > c->width || y.n > c->width)
		return false;
	put(d, c->head, c->n_head);
	put_padded(d, x, c->width);
	put_padded(d, y, c->width);
	return true;
}

int public_to_pem(const uint8_t *p, size_t n, char ret[static PUBLIC_MAX_PEM], struct err *e)
{
	struct reader r = { .left = { p, n } };
	struct der der = { .n = 0 };
	uint16_t size = take_16(&r), type = take_16(&r);
	bool good = size + 2u == n;
	size_t written;

	take(&r, 2 + 4); /* the name's hash and the attributes */
	take_sized(&r);  /* the policy */
	good = good && take_16(&r) == ALG_AES; /* a storage key has a cipher for its children */
	take(&r, 2 + 2);                       /* its bits and mode */
	good = good && ((type == ALG_RSA && put_rsa(&der, &r)) || (type == ALG_ECC && put_ecc(&der, &r)));
	if (!good)
		return err_set(e, ERR_UNSUPPORTED, 0,
			       "the TPM's storage root key is no RSA, P-256 or P-384 key for AES");
	if (mbedtls_pem_write_buffer("-----BEGIN PUBLIC KEY-----\n", "-----END PUBLIC KEY-----\n",
				     der.bytes, der.n, (unsigned char *)ret, PUBLIC_MAX_PEM,
				     &written) != 0)
		return err_set(e, ERR_UNSUPPORTED, 0, "the TPM's storage root key is too large");
	return 0;
}
