/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/sidecar.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"

enum { SECTOR_BYTES = 512, MIN_HASH_BYTES = 32 };

/* The path with ".raw" replaced. */
static void beside(const char *path, const char *suffix, char ret[static PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%.*s%s", (int)(strlen(path) - strlen(".raw")), path, suffix);
}

bool sidecar_present(const char *path)
{
	char hash[PATH_MAX];

	beside(path, ".verity", hash);
	return access(hash, F_OK) == 0;
}

static int whole(const struct loop *l, const char *label, struct partition *ret, struct err *e)
{
	uint64_t n_bytes;

	if (ioctl(l->fd, BLKGETSIZE64, &n_bytes) < 0)
		return err_set(e, ERR_SYSTEM, errno, "ask for the size of '%s'", l->name);
	ret->n_lbas = n_bytes / SECTOR_BYTES;
	snprintf(ret->devname, sizeof(ret->devname), "%s", l->name);
	snprintf(ret->label, sizeof(ret->label), "%s", label);
	return 0;
}

int sidecar_parse(const char *root_hash, const uint8_t *der, size_t der_bytes,
		  struct verity_set *ret, struct err *e)
{
	char text[2 * VERITY_MAX_HASH_BYTES + 1];
	size_t n_text = strcspn(root_hash, "\n");
	int n = -1;

	if (n_text < sizeof(text)) {
		memcpy(text, root_hash, n_text);
		text[n_text] = '\0';
		n = hex_decode(text, ret->root_hash, sizeof(ret->root_hash));
	}
	if (n < MIN_HASH_BYTES)
		return err_set(e, ERR_EXTENSION_MALFORMED, 0, "its '.roothash' has no root hash");
	ret->root_hash_bytes = (size_t)n;
	if (!der_bytes)
		return 0;
	memcpy(ret->parsed.root_hash, ret->root_hash, (size_t)n);
	ret->parsed.root_hash_bytes = (size_t)n;
	hex_encode(ret->root_hash, (size_t)n, ret->parsed.root_hash_text);
	ret->parsed.der = malloc(der_bytes);
	if (!ret->parsed.der)
		return err_set(e, ERR_MEMORY, 0, "read a signature: no memory");
	memcpy(ret->parsed.der, der, der_bytes);
	ret->parsed.der_bytes = der_bytes;
	return 0;
}

static int read_files(const char *path, struct sidecar *s, struct err *e)
{
	SCOPED(mem_free) char *hash = NULL;
	SCOPED(mem_free) char *der = NULL;
	char file[PATH_MAX];
	size_t n_hash, n_der = 0;
	int rc;

	beside(path, ".roothash", file);
	rc = file_read(AT_FDCWD, file, 2 * VERITY_MAX_HASH_BYTES + 1, &hash, &n_hash, e);
	if (rc < 0)
		return err_set(e, ERR_EXTENSION_MALFORMED, e->errnum, "read '%s'", file);
	beside(path, ".roothash.p7s", file);
	rc = file_read(AT_FDCWD, file, SIGNATURE_MAX_DER_BYTES, &der, &n_der, e);
	if (rc < 0 && e->errnum != ENOENT)
		return rc;
	rc = sidecar_parse(hash, (const uint8_t *)der, n_der, &s->set, e);
	if (rc >= 0 && s->set.parsed.der)
		s->set.signature = &s->signature;
	return rc;
}

int sidecar_read(const char *path, const struct loop *data, struct loop *ret_hash,
		 struct sidecar *ret, struct err *e)
{
	char file[PATH_MAX];
	int rc = read_files(path, ret, e);

	if (rc < 0)
		return rc;
	beside(path, ".verity", file);
	rc = loop_attach_path(file, false, ret_hash, e);
	if (rc >= 0)
		rc = whole(data, "data", &ret->data, e);
	if (rc >= 0)
		rc = whole(ret_hash, "hash tree", &ret->hash, e);
	ret->set.designator = DPS_ROOT;
	ret->set.data = &ret->data;
	ret->set.hash = &ret->hash;
	return rc;
}

void sidecar_done(struct sidecar *s)
{
	verity_set_done(&s->set);
}
