/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In place of all else in this folder, in the init that opens no encrypted volumes. */
#include "modules/luks/luks.h"

#include <stddef.h>

int luks_open(const struct luks_request *request, struct luks_volume **ret, struct err *e)
{
	(void)ret;
	return err_set(e, ERR_LUKS_ABSENT, 0, "the %s is encrypted, and this init cannot open it",
		       request->name);
}

/* Without a volume nobody asks. */
const char *luks_path(const struct luks_volume *v)
{
	(void)v;
	return "";
}

dev_t luks_dev(const struct luks_volume *v)
{
	(void)v;
	return 0;
}

const char *luks_uuid(const struct luks_volume *v)
{
	(void)v;
	return "";
}

const char *luks_by(const struct luks_volume *v)
{
	(void)v;
	return "";
}

int luks_slot(const struct luks_volume *v)
{
	(void)v;
	return -1;
}

void luks_close(struct luks_volume *v)
{
	(void)v;
}
