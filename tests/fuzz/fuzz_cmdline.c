/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "modules/inputs/options.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

#define ENDS(text) must(memchr(text, '\0', sizeof(text)))

static void check_device(const struct device_name *d)
{
	ENDS(d->label);
	ENDS(d->node);
	must(!strchr(d->node, '/'));
}

static void check_luks(const struct luks_words *w)
{
	ENDS(w->key);
	must(!*w->key || *w->key == '/');
}

/* Texts are copied into rooms of the one struct, where a sanitizer sees nothing. */
static void check(const struct options *o)
{
	check_device(&o->root);
	check_device(&o->usr);
	check_device(&o->disk);
	must(!*o->disk.label);
	ENDS(o->root_type);
	ENDS(o->root_flags);
	ENDS(o->usr_type);
	ENDS(o->usr_flags);
	ENDS(o->image_policy);
	ENDS(o->image_filter);
	ENDS(o->init);
	check_luks(&o->luks);
	must(!*o->init || *o->init == '/');
	must(!o->root_hash_bytes || (o->root_hash_bytes >= 32 && o->root_hash_bytes <= sizeof(o->root_hash)));
	must(!o->has_root_hash || (o->root_hash_bytes && !o->has_usr));
	must(o->timeout_s <= 3600 && o->failure_delay_s >= -1 && o->failure_delay_s <= 3600);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cmdline c;
	struct options o;
	struct err e;

	if (cmdline_parse((const char *)data, size, &c, &e) < 0)
		return 0;
	if (options_parse(&c, &o, &e) == 0)
		check(&o);
	cmdline_done(&c);
	return 0;
}
