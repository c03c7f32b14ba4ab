/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/predict_nvpcr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/text.h"
#include "modules/verity/word.h"

enum { SHA256_BANK = 1 };

static const char suffix[] = ".nvpcr";

/* Is this path "FOLDER/nvpcr/STEM.nvpcr"? */
static bool is_definition(const char *path, const char *folder, char *stem, size_t max)
{
	size_t n = strlen(folder);
	const char *name = path + n + strlen("/nvpcr/");

	if (strncmp(path, folder, n) != 0 || strncmp(path + n, "/nvpcr/", strlen("/nvpcr/")) != 0 ||
	    strchr(name, '/') || !text_has_suffix(name, suffix))
		return false;
	snprintf(stem, max, "%.*s", (int)(strlen(name) - strlen(suffix)), name);
	return true;
}

/* As nvpcrs_load() will find it. A link is not followed: there is nobody who makes one. */
static int take_definition(const struct image *i, const struct archive_entry *entry, struct nvpcrs *all,
			   struct err *e)
{
	static const char *const folders[] = { "etc", "run", "usr/local/lib", "usr/lib" };
	char stem[256], earlier[320];
	struct nvpcr one;
	size_t folder = 0;
	int rc;

	while (folder < 4 && !is_definition(archive_path(entry), folders[folder], stem, sizeof(stem)))
		folder++;
	if (folder == 4 || !S_ISREG(entry->mode) || !entry->data.n)
		return 0;
	for (size_t k = 0; k < folder; k++) {
		snprintf(earlier, sizeof(earlier), "%s/nvpcr/%s.nvpcr", folders[k], stem);
		if (image_find(i, earlier))
			return 0;
	}
	rc = nvpcr_parse(entry->data, stem, &one, e);
	return rc < 0 ? rc : nvpcrs_add(all, &one, e);
}

static int find_definitions(const struct predict_initrd *initrd, struct nvpcrs *ret, struct err *e)
{
	SCOPED(mem_free) const struct archive_entry **entries = NULL;
	size_t n = 0;
	int rc;

	if (initrd->why.code)
		return err_set(e, initrd->why.code, initrd->why.errnum, "%s", initrd->why.what);
	rc = image_sort(&initrd->image, &entries, &n, e);
	for (size_t k = 0; k < n && rc == 0; k++)
		rc = take_definition(&initrd->image, entries[k], ret, e);
	return rc;
}

/* Has the initrd's phase been signed for this use in one of the banks? */
static int find_signature(const struct prediction *p, const struct pcr_key *k, struct bytes json,
			  struct err *e)
{
	uint8_t policy[PCR_DIGEST_BYTES], signature[PCR_KEY_BYTES];
	struct pcr entered;
	int rc = predict_phase(p, "enter-initrd", &entered, e);

	if (rc < 0)
		return rc;
	rc = err_set(e, ERR_UNSUPPORTED, 0, "there is no bank");
	for (size_t i = 0; i < PCR_N_BANKS && rc < 0; i++) {
		if (!(entered.banks & 1u << i))
			continue;
		pcr_phase_policy(pcr_bank_tpm_id(i), (struct bytes){ entered.value[i], pcr_bank_bytes(i) }, policy);
		rc = pcr_signature_find(json, k, pcr_bank_name(i), policy, NVPCR_REF, signature, e);
	}
	return rc;
}

/* What the boot will find; ERR_UNSUPPORTED where it will find too little. */
static int find_key(struct bytes uki, const struct prediction *p, struct pcr_key *ret, struct err *e)
{
	SCOPED(mem_free) char *pem = NULL;
	struct bytes key, json;
	int rc = predict_section(uki, ".pcrpkey", &key, e);

	if (rc == 0)
		return err_set(e, ERR_UNSUPPORTED, 0, "the UKI has no .pcrpkey");
	if (rc > 0)
		rc = predict_section(uki, ".pcrsig", &json, e);
	if (rc == 0)
		return err_set(e, ERR_UNSUPPORTED, 0, "the UKI has no .pcrsig");
	pem = rc < 0 ? NULL : strndup((const char *)key.p, key.n);
	if (!pem)
		return rc < 0 ? rc : err_set(e, ERR_MEMORY, 0, "no memory for a key");
	rc = pcr_key_parse((struct bytes){ (const uint8_t *)pem, strlen(pem) }, ret, e);
	return rc < 0 ? rc : find_signature(p, ret, json, e);
}

static const char *root_hash(const struct predict_nvpcr_input *in)
{
	return in->root_hash ? in->root_hash : in->signature.root_hash_text;
}

static int extend_by_root(const struct predict_nvpcr_input *in, struct pcr *value, struct err *e)
{
	const struct bytes signature = { in->signature.der, in->signature.der_bytes };
	const char *hash = root_hash(in);
	char word[VERITY_WORD_BYTES];
	int rc = 0;

	if (!*hash)
		return 0;
	rc = verity_word(in->name ? in->name : "root", hash, signature, word, e);
	return rc < 0 ? rc : pcr_extend_text(value, word, e);
}

/* What the boot extends it by, if that was not told. */
static const char *what_is_unknown(const struct predict_nvpcr_input *in, const char *name)
{
	if (strcmp(name, "verity") == 0 && !*root_hash(in))
		return "the root hash was not told";
	if (strcmp(name, "cryptsetup") == 0 && in->opens_volume)
		return "which key slot opens a volume is not known";
	return NULL;
}

static int begin_all(const struct predict_nvpcr_input *in, const struct nvpcrs *all,
		     const struct pcr_key *k, struct prediction *p, struct predict_nvpcrs *ret, struct err *e)
{
	uint8_t authority[PCR_DIGEST_BYTES];
	int rc = 0;

	nvpcr_authority(k, authority);
	for (size_t i = 0; i < all->n && rc == 0; i++) {
		const struct nvpcr *n = &all->at[i];
		struct pcr *value = &ret->at[i].value;
		char word[NVPCR_WORD_BYTES];
		uint8_t both[2 * PCR_DIGEST_BYTES] = { 0 };

		nvpcr_word(n, authority, word);
		rc = pcr_extend_text(&p->kernel_initrd, word, e);
		snprintf(ret->at[i].name, sizeof(ret->at[i].name), "%s", n->name);
		ret->at[i].index = n->index;
		ret->at[i].unknown = what_is_unknown(in, n->name);
		value->banks = 1u << SHA256_BANK;
		pcr_sha256(both, sizeof(both), value->value[SHA256_BANK]);
		if (rc == 0 && strcmp(n->name, "verity") == 0)
			rc = extend_by_root(in, value, e);
	}
	ret->n = all->n;
	return rc;
}

int predict_nvpcrs(const struct predict_nvpcr_input *in, struct bytes uki,
		   const struct predict_initrd *initrd, struct prediction *p,
		   struct predict_nvpcrs *ret, struct err *e)
{
	struct predict_nvpcrs found = { .n = 0 };
	struct pcr_key k;
	struct nvpcrs all = { 0 };
	int rc = find_definitions(initrd, &all, e);

	if (rc == 0 && all.n)
		rc = find_key(uki, p, &k, e);
	/* A boot goes on without them, whatever it is that lacks. */
	if (rc < 0)
		found.why = *e;
	rc = rc < 0 || !all.n ? 0 : begin_all(in, &all, &k, p, &found, e);
	if (rc == 0)
		rc = pcr_extend_text(&p->kernel_initrd, "nvpcr-separator", e);
	if (rc == 0)
		*ret = found;
	return rc;
}
