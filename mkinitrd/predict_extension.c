/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/predict_extension.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/version.h"
#include "modules/disk/read.h"
#include "modules/extension/judge.h"
#include "modules/extension/word.h"

enum { SECTOR_BYTES = 512 }; /* of the loop devices of the boot */

static int read_partition(void *arg, const struct partition *p, uint8_t *ret, size_t n, struct err *e)
{
	return pread_full(*(const int *)arg, ret, n, p->first_lba * SECTOR_BYTES, e);
}

static int read_root_hash(const char *path, struct predict_extension *x, struct err *e)
{
	SCOPED(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	SCOPED(gpt_done) struct gpt gpt = { 0 };
	SCOPED(verity_set_done) struct verity_set set = { 0 };
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	struct gpt_report report;
	struct policy policy;
	int rc;

	if (end < 0)
		return err_set(e, ERR_SYSTEM, errno, "read '%s'", path);
	rc = gpt_read(fd, path, SECTOR_BYTES, (uint64_t)end / SECTOR_BYTES, &gpt, &report, e);
	if (rc >= 0)
		rc = policy_parse(x->class->policy, &policy, e);
	if (rc >= 0)
		rc = extension_choose_set(&gpt, &policy, read_partition, &fd, &set, e);
	if (rc >= 0)
		hex_encode(set.root_hash, set.root_hash_bytes, x->root_hash);
	return rc;
}

int predict_extension_add(struct predict_extensions *l, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
	struct predict_extension x = { .class = extension_class_of(file) };
	int rc;

	l->told = true;
	if (extension_name(file, x.class, x.name) != NAME_GOOD)
		return err_set(e, ERR_CONFIG, 0,
			       "'%s' is not called NAME.sysext.raw or NAME.confext.raw", path);
	if (l->n == PREDICT_MAX_EXTENSIONS)
		return err_set(e, ERR_CONFIG, 0, "over %d extensions", PREDICT_MAX_EXTENSIONS);
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i].class == x.class && strcmp(l->at[i].name, x.name) == 0)
			return err_set(e, ERR_CONFIG, 0,
				       "'%s': another one of that name is given, and init takes one only",
				       path);
	rc = read_root_hash(path, &x, e);
	if (rc < 0)
		return err_in(e, "'%s'", path);
	l->at[l->n++] = x;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct predict_extension *x = a, *y = b;

	return extension_order(x->name, y->name);
}

int predict_extensions(struct predict_extensions *l, bool host, enum extension_class_id class,
		       struct pcr *pcr, struct err *e)
{
	int rc = 0;

	qsort(l->at, l->n, sizeof(*l->at), compare);
	for (size_t i = 0; i < l->n && rc == 0; i++) {
		char word[EXTENSION_WORD_BYTES];

		if (l->at[i].class->id != class)
			continue;
		extension_word(host, l->at[i].class, l->at[i].name, l->at[i].root_hash, word);
		rc = pcr_extend_text(pcr, word, e);
	}
	return rc;
}
