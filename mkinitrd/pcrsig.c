/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/pcrsig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <mbedtls/base64.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <mbedtls/x509_crt.h>

#include "init/core/cleanup.h"
#include "modules/tpm/pcrkey.h"

enum {
	MAX_PEM_BYTES = 32 * 1024,
	MAX_DER_BYTES = 2 * 1024 + 64, /* a public key, the largest of mbedTLS */
	MIN_KEY_BITS = 2048,
	DIGEST_BYTES = 32,
	DIGEST_TEXT = 2 * DIGEST_BYTES + 1,
	SIGNATURE_TEXT = MBEDTLS_PK_SIGNATURE_MAX_SIZE * 4 / 3 + 8,
};

struct pcrsig_key {
	mbedtls_pk_context pk;
	uint8_t fingerprint[DIGEST_BYTES];
};

struct secret {
	uint8_t p[MAX_PEM_BYTES + 1]; /* ends with a NUL */
	size_t n;                     /* without it */
};

static void secret_wipe(struct secret *s)
{
	explicit_bzero(s, sizeof(*s));
}

static int random_bytes(void *unused, unsigned char *ret, size_t n)
{
	(void)unused;
	for (size_t done = 0; done < n;) {
		ssize_t got = getrandom(ret + done, n - done, 0);

		if (got < 0 && errno != EINTR)
			return MBEDTLS_ERR_PK_BAD_INPUT_DATA;
		done += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

/* By hand: what grows or is buffered leaves copies of the key behind. */
static int secret_read(const char *path, struct secret *ret, struct err *e)
{
	SCOPED(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%.200s'", path);
	while (ret->n < sizeof(ret->p)) {
		ssize_t got = read(fd, ret->p + ret->n, sizeof(ret->p) - ret->n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(e, ERR_SYSTEM, errno, "read '%.200s'", path);
		if (got == 0)
			break;
		ret->n += (size_t)got;
	}
	if (ret->n == sizeof(ret->p))
		return err_set(e, ERR_CERTIFICATE, 0, "'%.200s' has over %d bytes: it is no key", path,
			       MAX_PEM_BYTES);
	ret->p[ret->n] = '\0';
	return 0;
}

/* As systemd does: SHA-256 of the RSAPublicKey of PKCS#1 in DER. */
static int fingerprint(const mbedtls_pk_context *pk, uint8_t ret[static DIGEST_BYTES],
		       struct err *e)
{
	uint8_t der[MAX_DER_BYTES], *start = der + sizeof(der);
	int n = mbedtls_pk_write_pubkey(&start, der, pk);

	if (n < 0 || mbedtls_sha256(start, (size_t)n, ret, 0) != 0)
		return err_set(e, ERR_SYSTEM, 0, "compute the fingerprint of a key (mbedTLS %d)", n);
	return 0;
}

static int check_kind(const mbedtls_pk_context *pk, const char *path, struct err *e)
{
	if (mbedtls_pk_get_type(pk) != MBEDTLS_PK_RSA)
		return err_set(e, ERR_CERTIFICATE, 0,
			       "'%.200s' is no RSA key; signed policies are of RSA alone", path);
	if (mbedtls_pk_get_bitlen(pk) < MIN_KEY_BITS)
		return err_set(e, ERR_CERTIFICATE, 0, "the key in '%.200s' has %zu bits; it needs %d",
			       path, mbedtls_pk_get_bitlen(pk), MIN_KEY_BITS);
	return 0;
}

int pcrsig_key_load(const char *path, struct pcrsig_key **ret, struct err *e)
{
	SCOPED(secret_wipe) struct secret pem = { .n = 0 };
	SCOPED(pcrsig_key_drop) struct pcrsig_key *k = calloc(1, sizeof(*k));
	int rc;

	if (!k)
		return err_set(e, ERR_MEMORY, 0, "no memory for a key");
	mbedtls_pk_init(&k->pk);
	rc = secret_read(path, &pem, e);
	if (rc < 0)
		return rc;
	rc = mbedtls_pk_parse_key(&k->pk, pem.p, pem.n + 1, NULL, 0, random_bytes, NULL);
	if (rc != 0 && strstr((char *)pem.p, "ENCRYPTED"))
		return err_set(e, ERR_CERTIFICATE, 0,
			       "'%.200s' is encrypted; give it without a passphrase, such as by "
			       "--sign <(openssl pkey -in ...)",
			       path);
	if (rc != 0)
		return err_set(e, ERR_CERTIFICATE, 0,
			       "'%.200s' holds no private key in PEM form (mbedTLS -0x%x)", path,
			       (unsigned)-rc);
	rc = check_kind(&k->pk, path, e);
	if (rc == 0)
		rc = fingerprint(&k->pk, k->fingerprint, e);
	if (rc == 0)
		*ret = ptr_take(&k);
	return rc;
}

void pcrsig_key_drop(struct pcrsig_key **k)
{
	if (!*k)
		return;
	mbedtls_pk_free(&(*k)->pk); /* wipes it */
	free(*k);
}

/* 0, or mbedTLS's error. Its parsers of PEM want the NUL counted. */
static int parse_public(const char *text, size_t n, mbedtls_pk_context *pk,
			mbedtls_x509_crt *certificate, const mbedtls_pk_context **ret)
{
	if (strstr(text, "-----BEGIN CERTIFICATE-----")) {
		*ret = &certificate->pk;
		return mbedtls_x509_crt_parse(certificate, (const uint8_t *)text, n + 1);
	}
	*ret = pk;
	return mbedtls_pk_parse_public_key(pk, (const uint8_t *)text, n + 1);
}

int pcrsig_key_matches(const struct pcrsig_key *k, struct bytes pem, const char *whose,
		       struct err *e)
{
	SCOPED(mem_free) char *text = strndup((const char *)pem.p, pem.n);
	SCOPED(mbedtls_x509_crt_free) mbedtls_x509_crt certificate;
	SCOPED(mbedtls_pk_free) mbedtls_pk_context pk;
	const mbedtls_pk_context *found;
	uint8_t other[DIGEST_BYTES];
	int rc;

	mbedtls_x509_crt_init(&certificate);
	mbedtls_pk_init(&pk);
	if (!text)
		return err_set(e, ERR_MEMORY, 0, "no memory for a key");
	rc = parse_public(text, strlen(text), &pk, &certificate, &found);
	if (rc != 0)
		return err_set(e, ERR_CERTIFICATE, 0,
			       "%.200s holds no public key or certificate in PEM form (mbedTLS -0x%x)",
			       whose, (unsigned)-rc);
	if (mbedtls_pk_get_type(found) == MBEDTLS_PK_RSA) {
		rc = fingerprint(found, other, e);
		if (rc < 0 || memcmp(other, k->fingerprint, sizeof(other)) == 0)
			return rc;
	}
	return err_set(e, ERR_CERTIFICATE, 0,
		       "%.200s is the public half of another key, so nothing that is sealed to it would "
		       "accept these signatures",
		       whose);
}

/* The signature is RSASSA-PKCS1-v1_5 with SHA-256: the same input gives the same bytes. With a
 * reference (NULL: none), the policy and its digest are signed. */
static int sign(struct pcrsig_key *k, const uint8_t policy[static DIGEST_BYTES], const char *ref,
		char ret[static SIGNATURE_TEXT], struct err *e)
{
	uint8_t both[2 * DIGEST_BYTES], digest[DIGEST_BYTES], signature[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
	size_t n;
	int rc = 0;

	memcpy(both, policy, DIGEST_BYTES);
	if (ref)
		rc = mbedtls_sha256((const uint8_t *)ref, strlen(ref), both + DIGEST_BYTES, 0);
	if (rc == 0)
		rc = mbedtls_sha256(both, ref ? sizeof(both) : DIGEST_BYTES, digest, 0);
	if (rc == 0)
		rc = mbedtls_pk_sign(&k->pk, MBEDTLS_MD_SHA256, digest, sizeof(digest), signature,
				     sizeof(signature), &n, random_bytes, NULL);
	if (rc == 0)
		rc = mbedtls_base64_encode((uint8_t *)ret, SIGNATURE_TEXT, &n, signature, n);
	if (rc != 0)
		return err_set(e, ERR_SYSTEM, 0, "sign a policy (mbedTLS -0x%x)", (unsigned)-rc);
	return 0;
}

static int print_entry(FILE *f, struct pcrsig_key *k, const struct pcr *value, size_t bank,
		       const char *ref, struct err *e)
{
	uint8_t policy[DIGEST_BYTES];
	char key[DIGEST_TEXT], pol[DIGEST_TEXT], signature[SIGNATURE_TEXT];
	int rc;

	pcr_phase_policy(pcr_bank_tpm_id(bank), (struct bytes){ value->value[bank], pcr_bank_bytes(bank) }, policy);
	rc = sign(k, policy, ref, signature, e);
	if (rc < 0)
		return rc;
	hex_encode(k->fingerprint, sizeof(k->fingerprint), key);
	hex_encode(policy, sizeof(policy), pol);
	fprintf(f, "{\"pcrs\":[%d],\"pkfp\":\"%s\",", PHASE_PCR, key);
	if (ref)
		fprintf(f, "\"ref\":\"%s\",", ref);
	fprintf(f, "\"pol\":\"%s\",\"sig\":\"%s\"}", pol, signature);
	return 0;
}

/* The plain one comes first: who does not know references takes the first that fits. */
static int print_entries(FILE *f, struct pcrsig_key *k, const struct pcrsig_value *v, size_t bank,
			 struct err *e)
{
	int rc = print_entry(f, k, &v->pcr, bank, NULL, e);

	if (rc < 0 || !v->ref)
		return rc;
	fputc(',', f);
	return print_entry(f, k, &v->pcr, bank, v->ref, e);
}

int pcrsig_print(FILE *f, struct pcrsig_key *k, const struct pcrsig_value values[], size_t n,
		 struct err *e)
{
	bool first = true;
	int rc = 0;

	fputc('{', f);
	for (size_t bank = 0; bank < PCR_N_BANKS && rc == 0; bank++) {
		if (n == 0 || !(values->pcr.banks & 1u << bank))
			continue;
		fprintf(f, "%s\"%s\":[", first ? "" : ",", pcr_bank_name(bank));
		first = false;
		for (size_t i = 0; i < n && rc == 0; i++) {
			fputs(i ? "," : "", f);
			rc = print_entries(f, k, &values[i], bank, e);
		}
		fputc(']', f);
	}
	fputs("}\n", f);
	if (rc == 0 && (fflush(f) != 0 || ferror(f)))
		rc = err_set(e, ERR_SYSTEM, errno, "print the signatures");
	return rc;
}
