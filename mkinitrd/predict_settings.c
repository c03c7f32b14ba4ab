/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the initrd in a UKI was told about PCRs. */
#include <sys/stat.h>

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
		.measures_hooks = c.hook_measure,
	};
	return 0;
}
