/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NvPCRs: what only this phase can begin, for the host as well, and the root in one of them. */
#include "init/stages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/clock.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/disk/dps.h"
#include "modules/tpm/nvindex.h"
#include "modules/verity/word.h"

#define PUBLIC_KEY "/.extra/tpm2-pcr-public-key.pem"
#define SIGNATURES "/.extra/tpm2-pcr-signature.json"

static int read_extra(const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
	int rc = file_read(AT_FDCWD, path, max, ret, ret_n, e);

	if (rc < 0 && e->errnum == ENOENT)
		return err_set(e, ERR_UNSUPPORTED, 0, "the stub left no '%s'", path);
	return rc;
}

/* What is needed to begin any; ERR_UNSUPPORTED where a vendor does not use them. */
static int get_permit(struct boot *b, struct nvpcr_permit *ret, struct err *e)
{
	SCOPED(mem_free) char *pem = NULL, *json = NULL;
	size_t n_pem = 0, n_json = 0;
	int rc = nvpcrs_load("", &b->nvpcrs, e);

	if (rc == 0 && b->nvpcrs.n == 0)
		rc = err_set(e, ERR_UNSUPPORTED, 0, "this initrd has no *.nvpcr");
	if (rc == 0)
		rc = read_extra(PUBLIC_KEY, PCR_KEY_MAX_PEM, &pem, &n_pem, e);
	if (rc == 0)
		rc = read_extra(SIGNATURES, PCR_SIGNATURES_MAX_BYTES, &json, &n_json, e);
	if (rc == 0)
		rc = nvpcr_allow(b->tpm, (struct bytes){ (uint8_t *)pem, n_pem },
				 (struct bytes){ (uint8_t *)json, n_json }, ret, e);
	return rc;
}

/* As the host looks for it: what else may be begun later, and why something was not. */
static void leave_for_host(const struct nvpcr *n, const uint8_t authority[static PCR_DIGEST_BYTES],
			   bool is_full)
{
	char path[96], text[2 * PCR_DIGEST_BYTES + 2];
	struct err e;
	int rc = make_dirs("/run/systemd/nvpcr", 0755, &e);

	hex_encode(authority, PCR_DIGEST_BYTES, text);
	strcat(text, "\n");
	if (is_full)
		snprintf(path, sizeof(path), "/run/systemd/tpm2-nv-space-exhausted-%s",
			 n->orderly ? "orderly" : "non-orderly");
	else
		snprintf(path, sizeof(path), "/run/systemd/nvpcr/%s.auth", n->name);
	if (rc == 0)
		rc = file_write(path, 0644, text, is_full ? 0 : strlen(text), &e);
	if (rc < 0)
		log_warning("%s: the host does not learn of NvPCR '%s', continuing", e.what, n->name);
}

/* A TPM that cannot do it is no reason not to boot: who asks an NvPCR finds it missing, and why
 * says the reason. */
static int begin_one(struct boot *b, struct nvpcr *n, const struct nvpcr_permit *p, struct err *why,
		     struct err *e)
{
	char word[NVPCR_WORD_BYTES], what[96];
	uint64_t start_us = now_us();
	int rc = nvpcr_begin(b->tpm, n, p, why);

	snprintf(what, sizeof(what), "begin NvPCR '%s'", n->name);
	record_tpm_command(b->record, what, start_us);
	if (rc < 0) {
		log_warning("NvPCR '%s': %s: there is none in this boot, continuing", n->name, why->what);
		if (why->errnum == ENOSPC)
			leave_for_host(n, p->authority, true);
		return 0;
	}
	n->begun = true;
	leave_for_host(n, p->authority, false);
	nvpcr_word(n, p->authority, word);
	return boot_measure_into(b, NVPCR_PCR, word, "nvpcr-init", e);
}

static void skip(struct boot *b, const struct err *why)
{
	char state[sizeof(why->what) + 16];

	b->nvpcrs.n = 0;
	snprintf(state, sizeof(state), "skipped: %s", why->what);
	log_at(why->code == ERR_UNSUPPORTED ? LOG_INFO : LOG_WARNING, "NvPCRs are %s", state);
	record_nvpcr(b->record, state);
}

static int begin_all(struct boot *b, struct err *e)
{
	struct nvpcr_permit permit;
	struct err why = { 0 };
	size_t n_begun = 0;
	int rc = get_permit(b, &permit, &why);

	if (rc < 0) {
		skip(b, &why);
		return 0;
	}
	memcpy(b->nvpcr_authority, permit.authority, sizeof(b->nvpcr_authority));
	for (size_t i = 0; i < b->nvpcrs.n && rc >= 0; i++) {
		rc = begin_one(b, &b->nvpcrs.at[i], &permit, &why, e);
		n_begun += b->nvpcrs.at[i].begun;
	}
	if (n_begun)
		record_nvpcr(b->record, "in use");
	else
		skip(b, &why);
	return rc;
}

int enter_nvpcrs(struct boot *b, struct err *e)
{
	int rc;

	if (!b->tpm)
		return 0;
	if (!b->config.os_separator) {
		record_nvpcr(b->record, "skipped: pcr-scheme=257");
		return 0;
	}
	rc = begin_all(b, e);
	/* Behind it, nothing counts as begun here. */
	return rc < 0 ? rc : boot_measure_into(b, NVPCR_PCR, "nvpcr-separator", "nvpcr-separator", e);
}

int measure_root(struct boot *b, struct err *e)
{
	const struct nvpcr *n = nvpcrs_find(&b->nvpcrs, "verity");
	struct bytes signature = { 0 };
	char word[VERITY_WORD_BYTES];
	struct measurement m;
	int rc;

	if (!n || !n->begun)
		return 0;
	/* Whoever reads it later cannot ask our certificates, but the kernel's. */
	if (volume_kernel_agrees(b->root))
		signature = (struct bytes){ b->set.parsed.der, b->set.parsed.der_bytes };
	rc = verity_word(dps_name(b->set.designator), volume_root_hash(b->root), signature, word, e);
	if (rc == 0)
		rc = nvpcr_measure(b->tpm, n, b->nvpcr_authority, word, "dm-verity", &m, e);
	if (rc < 0)
		return rc;
	log_info("measured the %s into NvPCR 'verity'", dps_name(b->set.designator));
	record_measurement(b->record, &m);
	return 0;
}
