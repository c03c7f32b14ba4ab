/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "init/core/bytes.h"
#include "modules/disk/fat.h"

struct volume {
	struct bytes bytes;
	struct fat fat;
	size_t n_copied;
};

static int read_bytes(void *arg, uint64_t at, void *ret, size_t n, struct err *e)
{
	const struct volume *v = arg;

	if (at > v->bytes.n || n > v->bytes.n - at)
		return err_set(e, ERR_SYSTEM, EIO, "read behind the end");
	memcpy(ret, v->bytes.p + at, n);
	return 0;
}

static int count(void *arg, const void *p, size_t n, struct err *e)
{
	struct volume *v = arg;

	(void)p, (void)e;
	v->n_copied += n;
	return 0;
}

static int look(void *arg, const struct fat_file *file, struct err *e)
{
	struct volume *v = arg;
	struct err why;

	(void)e;
	for (const char *c = file->name; *c; c++)
		if (*c < 0x20 || *c > 0x7e || *c == '/')
			abort();
	v->n_copied = 0;
	if (!file->is_folder && fat_copy(&v->fat, file, count, v, &why) == 0 &&
	    (v->n_copied != file->n_bytes || v->n_copied > v->bytes.n))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct volume v = { .bytes = { data, size } };
	struct err e;

	if (fat_open(read_bytes, &v, size, &v.fat, &e) < 0)
		return 0;
	fat_list(&v.fat, "/", look, &v, &e);
	fat_list(&v.fat, "/loader/extensions", look, &v, &e);
	return 0;
}
