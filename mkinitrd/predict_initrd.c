/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/predict_initrd.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hooks/word.h"
#include "init/core/cleanup.h"
#include "mkinitrd/pe.h"

#define CONFIG "/etc/slipway.conf"

static int open_image(struct bytes uki, struct image *ret, struct err *e)
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

void predict_initrd_open(struct bytes uki, struct predict_initrd *ret)
{
	*ret = (struct predict_initrd){ .config = CONFIG_DEFAULTS };
	if (open_image(uki, &ret->image, &ret->why) < 0)
		return;
	if (read_config(&ret->image, &ret->config, &ret->why) < 0)
		ret->config = (struct config)CONFIG_DEFAULTS;
}

void predict_initrd_done(struct predict_initrd *i)
{
	image_done(&i->image);
}

/* ---- hooks ---- */

/* As the boot does when it runs this hook. */
static int extend_hook(const struct image *i, const struct archive_entry *hook,
		       enum hook_point point, const char *name, struct pcr *pcr, struct err *e)
{
	const struct archive_entry *declared;
	char path[128], program[HOOK_DIGEST_BYTES], declaration[HOOK_DIGEST_BYTES];
	char word[HOOK_WORD_BYTES];
	int rc;

	snprintf(path, sizeof(path), "%s/%s/%s.hook", HOOKS_FOLDER, hook_point_name(point), name);
	declared = image_find(i, path);
	rc = hook_digest(hook->data, program, e);
	if (rc == 0)
		rc = hook_digest(declared ? declared->data : (struct bytes){ 0 }, declaration, e);
	if (rc < 0)
		return rc;
	hook_word(point, name, program, declaration, word);
	return pcr_extend_text(pcr, word, e);
}

static int extend_point(const struct image *i, const struct archive_entry **sorted, size_t n,
			enum hook_point point, struct pcr *pcr, struct err *e)
{
	char folder[64];
	size_t len = (size_t)snprintf(folder, sizeof(folder), "%s/%s/", &HOOKS_FOLDER[1],
				      hook_point_name(point));
	int rc = 0;

	for (size_t k = 0; k < n && rc == 0; k++) {
		const char *path = archive_path(sorted[k]);

		if (strncmp(path, folder, len) == 0 && hook_name_valid(path + len))
			rc = extend_hook(i, sorted[k], point, path + len, pcr, e);
	}
	return rc;
}

int predict_hooks(const struct predict_initrd *i, enum hook_point first, enum hook_point last,
		  struct pcr *pcr, struct err *e)
{
	SCOPED(mem_free) const struct archive_entry **sorted = NULL;
	size_t n;
	int rc;

	if (i->why.code || !i->config.hook_measure)
		return 0;
	rc = image_sort(&i->image, &sorted, &n, e);
	for (unsigned point = first; point <= last && rc == 0; point++)
		rc = extend_point(&i->image, sorted, n, (enum hook_point)point, pcr, e);
	return rc < 0 ? rc : i->config.hook_extensions;
}
