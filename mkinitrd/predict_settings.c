/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the initrd in a UKI was told about PCRs. */
#include <mbedtls/sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hooks/point.h"
#include "init/core/bytes.h"
#include "init/core/cleanup.h"
#include "mkinitrd/image.h"
#include "mkinitrd/pe.h"
#include "mkinitrd/predict.h"
#include "modules/inputs/config.h"

#define CONFIG "/etc/slipway.conf"

int predict_open_initrd(struct bytes uki, struct image *ret, struct err *e)
{
	const struct pe_section *section;
	struct bytes initrd;
	struct pe pe;
	int rc = pe_parse(uki.p, uki.n, &pe, e);

	if (rc < 0)
		return rc;
	section = pe_find_default(&pe, ".initrd");
	if (!section)
		return err_set(e, ERR_CONFIG, 0, "it is no UKI: it has no .initrd");
	rc = pe_content(&pe, section, &initrd, e);
	return rc < 0 ? rc : image_parse(initrd, ret, e);
}

static int read_config(const struct image *i, struct config *ret, struct err *e)
{
	const struct archive_entry *conf = image_find(i, CONFIG);

	if (!conf)
		return 0;
	if (!S_ISREG(conf->mode) || conf->data.n > CONFIG_MAX_BYTES)
		return err_set(e, ERR_CONFIG, 0, CONFIG " is no file of at most %d bytes",
			       CONFIG_MAX_BYTES);
	return config_parse((const char *)conf->data.p, conf->data.n, ret, e);
}

int predict_settings(struct bytes uki, struct predict_settings *ret, struct err *e)
{
	SCOPED(image_done) struct image i = { 0 };
	struct config c = CONFIG_DEFAULTS;
	struct err inner = { 0 };

	if (predict_open_initrd(uki, &i, &inner) < 0 || read_config(&i, &c, &inner) < 0)
		return err_set(e, inner.code, inner.errnum,
			       "its initrd does not tell the pcr-scheme, which --pcr-scheme can: %s",
			       inner.what);
	*ret = (struct predict_settings){
		.scheme = c.os_separator ? PREDICT_SCHEME_261 : PREDICT_SCHEME_257,
		.reads_esp = c.n_esp_folders > 0,
	};
	return 0;
}

/* ---- hooks ---- */

static int digest(struct bytes data, char ret[static 65], struct err *e)
{
	uint8_t sum[32];

	if (mbedtls_sha256(data.p, data.n, sum, 0) != 0)
		return err_set(e, ERR_SYSTEM, 0, "compute a digest");
	hex_encode(sum, sizeof(sum), ret);
	return 0;
}

/* As stage_hooks() of the boot. */
static int extend_hook(const struct image *i, const struct archive_entry *hook, const char *point,
		       const char *name, struct pcr *pcr, struct err *e)
{
	const struct archive_entry *declared;
	char path[128], program[65], declaration[65], word[256];
	int rc;

	snprintf(path, sizeof(path), "%s/%s/%s.hook", HOOKS_FOLDER, point, name);
	declared = image_find(i, path);
	rc = digest(hook->data, program, e);
	if (rc == 0)
		rc = digest(declared ? declared->data : (struct bytes){ 0 }, declaration, e);
	if (rc < 0)
		return rc;
	snprintf(word, sizeof(word), "slipway-hook:%s:%s:%s:%s", point, name, program, declaration);
	return pcr_extend_text(pcr, word, e);
}

static int extend_point(const struct image *i, const struct archive_entry **sorted, size_t n,
			const char *point, struct pcr *pcr, struct err *e)
{
	char folder[64];
	size_t len = (size_t)snprintf(folder, sizeof(folder), "%s/%s/", HOOKS_FOLDER + 1, point);
	int rc = 0;

	for (size_t k = 0; k < n && rc == 0; k++) {
		const char *path = archive_path(sorted[k]);

		if (strncmp(path, folder, len) == 0 && hook_name_valid(path + len))
			rc = extend_hook(i, sorted[k], point, path + len, pcr, e);
	}
	return rc;
}

int predict_hooks(struct bytes uki, struct pcr *pcr, struct err *e)
{
	SCOPED(image_done) struct image i = { 0 };
	SCOPED(mem_free) const struct archive_entry **sorted = NULL;
	struct config c = CONFIG_DEFAULTS;
	struct err unreadable;
	size_t n;
	int rc;

	/* As for the settings, it need not be one that can be read. */
	if (predict_open_initrd(uki, &i, &unreadable) < 0 || read_config(&i, &c, &unreadable) < 0 ||
	    !c.hook_measure)
		return 0;
	rc = image_sort(&i, &sorted, &n, e);
	for (unsigned point = POINT_NONE + 1; point < N_POINTS && rc == 0; point++)
		rc = extend_point(&i, sorted, n, hook_point_name((enum hook_point)point), pcr, e);
	return rc < 0 ? rc : c.hook_extensions;
}
