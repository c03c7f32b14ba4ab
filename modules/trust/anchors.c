/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/trust/anchors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mbedtls/sha256.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "init/core/text.h"
#include "modules/trust/keyring.h"
#include "modules/trust/pkcs7.h"

enum {
	MAX_CERTIFICATES = 256, /* in one folder */
	MIN_RSA_BITS = 2048,
};

static const char *const folders[] = { "/etc", "/run", "/usr/local/lib", "/usr/lib" };
static const char kernel_keyring[] = ".dm-verity";

struct anchors {
	mbedtls_x509_crt certificates; /* a list; the first one is empty if there are none */
	mbedtls_x509_crt denied;       /* another one */
	size_t n;                      /* in both */
	struct expired expired;        /* of certificates */
	const struct digests *denylist; /* borrowed while loading */
	bool denies;
};

/* The names of one folder, sorted, so that every boot does the same. */
struct names {
	size_t n;
	char *name[MAX_CERTIFICATES];
};

static void names_done(struct names *names)
{
	while (names->n)
		free(names->name[--names->n]);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_folder(int dir_fd, const char *folder, struct names *ret, struct err *e)
{
	SCOPED(fd_close) int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	SCOPED(dir_close) DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return err_set(e, ERR_SYSTEM, errno, "list '%s'", folder);
	fd_take(&fd);
	for (struct dirent *entry; errno = 0, entry = readdir(dir);) {
		if (text_has_suffix(entry->d_name, ".pem"))
			log_warning("'%s/%s' is not read: only names in '.crt' are, ignoring it",
				    folder, entry->d_name);
		if (!text_has_suffix(entry->d_name, ".crt"))
			continue;
		if (ret->n == MAX_CERTIFICATES)
			return err_set(e, ERR_CERTIFICATE, 0, "'%s' has more than %d certificates",
				       folder, MAX_CERTIFICATES);
		ret->name[ret->n] = strdup(entry->d_name);
		if (!ret->name[ret->n])
			return err_set(e, ERR_MEMORY, 0, "no memory to list '%s'", folder);
		ret->n++;
	}
	if (errno)
		return err_set(e, ERR_SYSTEM, errno, "list '%s'", folder);
	qsort(ret->name, ret->n, sizeof(*ret->name), compare_names);
	return 0;
}

static int check_key(const mbedtls_pk_context *key, const char *path, struct err *e)
{
	mbedtls_ecp_group_id curve;

	if (mbedtls_pk_get_type(key) == MBEDTLS_PK_RSA) {
		if (mbedtls_pk_get_bitlen(key) >= MIN_RSA_BITS)
			return 0;
		return err_set(e, ERR_CERTIFICATE, 0, "RSA key of '%s' has %zu bits, fewer than %d",
			       path, mbedtls_pk_get_bitlen(key), MIN_RSA_BITS);
	}
	if (!mbedtls_pk_can_do(key, MBEDTLS_PK_ECDSA))
		return err_set(e, ERR_CERTIFICATE, 0, "key of '%s' is neither RSA nor ECDSA", path);
	curve = mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(*key));
	if (curve != MBEDTLS_ECP_DP_SECP256R1 && curve != MBEDTLS_ECP_DP_SECP384R1 &&
	    curve != MBEDTLS_ECP_DP_SECP521R1)
		return err_set(e, ERR_CERTIFICATE, 0, "curve of '%s' is not P-256, P-384 or P-521",
			       path);
	return 0;
}

/* Parses the one certificate in text[0..n), to which a NUL is appended. */
static int parse_certificate(const char *text, size_t n, const char *path, mbedtls_x509_crt *ret,
			     struct err *e)
{
	int rc;

	if (strlen(text) != n || !strstr(text, "-----BEGIN CERTIFICATE-----"))
		return err_set(e, ERR_CERTIFICATE, 0, "'%s' is not a certificate in PEM", path);
	rc = mbedtls_x509_crt_parse(ret, (const unsigned char *)text, n + 1);
	if (rc != 0)
		return err_set(e, ERR_CERTIFICATE, 0,
			       "'%s' is not a certificate that can be parsed (mbedTLS %d)", path,
			       rc);
	if (ret->next)
		return err_set(e, ERR_CERTIFICATE, 0, "'%s' has more than one certificate", path);
	return check_key(&ret->pk, path, e);
}

int anchors_check(const char *text, size_t n, const char *path, struct err *e)
{
	SCOPED(mbedtls_x509_crt_free) mbedtls_x509_crt one;

	mbedtls_x509_crt_init(&one);
	return parse_certificate(text, n, path, &one, e);
}

static int fingerprint(const mbedtls_x509_crt *c, uint8_t ret[static FINGERPRINT_BYTES],
		       struct err *e)
{
	if (mbedtls_sha256(c->raw.p, c->raw.len, ret, 0) != 0)
		return err_set(e, ERR_SYSTEM, 0, "SHA-256 of a certificate failed");
	return 0;
}

static int add_certificate(struct anchors *a, const char *text, size_t n, const char *path,
			   struct err *e)
{
	SCOPED(mbedtls_x509_crt_free) mbedtls_x509_crt one;
	uint8_t hash[FINGERPRINT_BYTES];
	bool is_denied;
	int rc;

	mbedtls_x509_crt_init(&one);
	rc = parse_certificate(text, n, path, &one, e);
	if (rc < 0)
		return rc;
	rc = fingerprint(&one, hash, e);
	if (rc < 0)
		return rc;
	is_denied = digests_have(a->denylist, (struct bytes){ hash, sizeof(hash) });
	if (mbedtls_x509_crt_parse_der(is_denied ? &a->denied : &a->certificates, one.raw.p,
				       one.raw.len) != 0)
		return err_set(e, ERR_MEMORY, 0, "no memory for certificate '%s'", path);
	log_debug("certificate '%s'%s is valid from %04d-%02d-%02d to %04d-%02d-%02d", path,
		  is_denied ? " is denied, and" : "", one.valid_from.year, one.valid_from.mon,
		  one.valid_from.day, one.valid_to.year, one.valid_to.mon, one.valid_to.day);
	a->n++;
	return !is_denied && expired_by(&one.valid_to, time(NULL)) ?
		expired_add(&a->expired, path, hash, &one.valid_to, e) : 0;
}

static int load_file(struct anchors *a, int dir_fd, const char *folder, const char *name,
		     struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	char path[320];
	size_t n = 0;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	rc = file_read(dir_fd, name, ANCHOR_MAX_BYTES, &text, &n, e);
	if (rc < 0)
		return e->code == ERR_MEMORY ? rc :
			err_set(e, ERR_CERTIFICATE, e->errnum, "read '%s'", path);
	/* Empty, or a link to /dev/null: there to mask the name in later folders. */
	return n ? add_certificate(a, text, n, path, e) : 0;
}

/* Is there such a name in one of the first n folders? */
static bool is_masked(const int fds[], size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0 && faccessat(fds[i], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	return false;
}

static int load_folder(struct anchors *a, const int fds[], size_t i, const char *folder,
		       struct err *e)
{
	SCOPED(names_done) struct names names = { 0 };
	int rc = list_folder(fds[i], folder, &names, e);

	for (size_t j = 0; rc == 0 && j < names.n; j++)
		if (!is_masked(fds, i, names.name[j]))
			rc = load_file(a, fds[i], folder, names.name[j], e);
	return rc;
}

enum { N_FOLDERS = sizeof(folders) / sizeof(*folders) };

static void close_folders(int (*fds)[N_FOLDERS])
{
	for (size_t i = 0; i < N_FOLDERS; i++)
		fd_close(&(*fds)[i]);
}

static int load_all(struct anchors *a, const char *root, struct err *e)
{
	SCOPED(close_folders) int fds[N_FOLDERS] = { -1, -1, -1, -1 };

	for (size_t i = 0; i < N_FOLDERS; i++) {
		char folder[256];
		int rc;

		if (snprintf(folder, sizeof(folder), "%s%s/verity.d", root, folders[i]) >=
		    (int)sizeof(folder))
			return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "certificates below '%s'",
				       root);
		fds[i] = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fds[i] < 0 && errno == ENOENT)
			continue;
		if (fds[i] < 0)
			return err_set(e, ERR_SYSTEM, errno, "open '%s'", folder);
		rc = load_folder(a, fds, i, folder, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int anchors_load(const char *root, const struct digests *denied, struct anchors **ret,
		 struct err *e)
{
	struct anchors *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return err_set(e, ERR_MEMORY, 0, "no memory for certificates");
	mbedtls_x509_crt_init(&a->certificates);
	mbedtls_x509_crt_init(&a->denied);
	a->denylist = denied;
	a->denies = denied && denied->n;
	rc = load_all(a, root, e);
	a->denylist = NULL;
	if (rc < 0) {
		anchors_free(a);
		return rc;
	}
	*ret = a;
	return 0;
}

void anchors_free(struct anchors *a)
{
	if (!a)
		return;
	mbedtls_x509_crt_free(&a->certificates);
	mbedtls_x509_crt_free(&a->denied);
	expired_done(&a->expired);
	free(a);
}

size_t anchors_count(const struct anchors *a)
{
	return a ? a->n : 0;
}

const struct expired *anchors_expired(const struct anchors *a)
{
	return &a->expired;
}

bool anchors_deny(const struct anchors *a)
{
	return a->denies;
}

static int read_keys(char **ret, size_t *ret_n, struct err *e)
{
	return file_read(AT_FDCWD, "/proc/keys", 1024 * 1024, ret, ret_n, e);
}

int anchors_seal_kernel(const struct anchors *a, struct err *e)
{
	SCOPED(mem_free) char *keys = NULL;
	int32_t keyring;
	size_t n = 0;
	int rc = read_keys(&keys, &n, e);

	if (rc < 0)
		return e->errnum == ENOENT ? 0 : rc; /* a kernel without keys */
	keyring = keyring_find(keys, kernel_keyring);
	if (!keyring)
		return 0;
	for (const mbedtls_x509_crt *c = &a->certificates; c && c->raw.p; c = c->next) {
		if (keyring_add_certificate(keyring, (struct bytes){ c->raw.p, c->raw.len }) == 0)
			continue;
		/* Sealed since the kernel started, unless dm_verity.keyring_unsealed=1. */
		if (errno == EPERM || errno == EACCES)
			return 1;
		log_warning("keyring '%s' does not take a certificate (%s), continuing without",
			    kernel_keyring, strerror(errno));
	}
	rc = keyring_seal(keyring, kernel_keyring, e);
	return rc < 0 ? rc : 1;
}

/* When in doubt it does. */
static bool kernel_holds(const mbedtls_x509_crt *c)
{
	const mbedtls_x509_buf *id = c->subject_key_id.len ? &c->subject_key_id : &c->serial;
	SCOPED(mem_free) char *keys = NULL;
	struct err e;
	size_t n = 0;

	return read_keys(&keys, &n, &e) < 0 || keyring_lists(keys, (struct bytes){ id->p, id->len });
}

static int check_denied(const struct anchors *a, struct bytes der, struct bytes content,
			struct err *e)
{
	char text[2 * FINGERPRINT_BYTES + 1];
	uint8_t hash[FINGERPRINT_BYTES];
	struct pkcs7_signer signer;
	int rc;

	if (!a->denied.raw.p)
		return 0;
	rc = pkcs7_verify(der, content, &a->denied, &signer, e);
	if (rc < 0)
		return e->code == ERR_SIGNATURE_UNTRUSTED ? 0 : rc;
	rc = fingerprint(signer.certificate, hash, e);
	if (rc < 0)
		return rc;
	hex_encode(hash, sizeof(hash), text);
	return err_set(e, ERR_DENIED, 0,
		       "slipway.conf denies the certificate that made this signature, %s", text);
}

int anchors_verify(const struct anchors *a, struct bytes der, struct bytes content,
		   struct signer *ret, struct err *e)
{
	struct pkcs7_signer signer;
	int rc = check_denied(a, der, content, e);

	if (rc == 0)
		rc = pkcs7_verify(der, content, &a->certificates, &signer, e);
	if (rc == 0)
		rc = fingerprint(signer.certificate, ret->fingerprint, e);
	if (rc < 0)
		return rc;
	ret->known_to_kernel = signer.has_issuer || kernel_holds(signer.certificate);
	return 0;
}
