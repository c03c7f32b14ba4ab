/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/image.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "init/core/file.h"
#include "mkinitrd/decompress.h"
#include "mkinitrd/pe.h"

void image_done(struct image *i)
{
	archive_done(&i->archive);
	for (size_t k = 0; k < i->n_parts; k++)
		free(i->parts[k]);
	free(i->file);
	*i = (struct image){ 0 };
}

/* A compressed part holds whole archives and nothing else. */
static int parse_part(struct bytes b, size_t *left, struct image *i, size_t *ret_used,
		      struct err *e)
{
	size_t n, parsed;
	char *p;
	int rc;

	if (i->n_parts == IMAGE_MAX_PARTS)
		return err_set(e, ERR_CONFIG, 0, "it has more than %d compressed parts",
			       IMAGE_MAX_PARTS);
	rc = decompress_part(b, *left, &p, &n, ret_used, e);
	if (rc < 0)
		return rc;
	i->parts[i->n_parts++] = p;
	*left -= n;
	rc = archive_parse((struct bytes){ (const uint8_t *)p, n }, &i->archive, &parsed, e);
	if (rc == 0 && parsed < n)
		rc = err_set(e, ERR_CONFIG, 0,
			     "a compressed part of it has no archive at its byte %zu", parsed);
	return rc;
}

int image_parse(struct bytes initrd, struct image *ret, struct err *e)
{
	size_t left = IMAGE_MAX_BYTES, at = 0;

	ret->initrd = initrd;
	while (at < initrd.n) {
		struct bytes rest = { initrd.p + at, initrd.n - at };
		size_t used = 0;
		int rc = 0;

		if (rest.p[0] == 0)
			used = 1;
		else if (rest.p[0] == '0' && at % 4 == 0)
			rc = archive_parse(rest, &ret->archive, &used, e);
		else
			rc = parse_part(rest, &left, ret, &used, e);
		if (rc < 0)
			return rc;
		at += used;
	}
	if (!ret->archive.n)
		return err_set(e, ERR_CONFIG, 0, "it is empty");
	return 0;
}

static int parse_file(struct bytes file, struct image *ret, struct err *e)
{
	struct bytes initrd = file;
	int rc = 0;

	if (pe_recognise(file)) {
		ret->uki = file;
		rc = pe_section(file, ".initrd", &initrd, e);
		if (rc == 0)
			return err_set(e, ERR_CONFIG, 0,
				       "it is a program of UEFI without a section '.initrd'");
	}
	return rc < 0 ? rc : image_parse(initrd, ret, e);
}

int image_open(const char *path, struct image *ret, struct err *e)
{
	struct err inner = { 0 };
	size_t n;
	int rc;

	*ret = (struct image){ 0 };
	rc = file_read(AT_FDCWD, path, IMAGE_MAX_BYTES, &ret->file, &n, e);
	if (rc < 0)
		return rc;
	rc = parse_file((struct bytes){ (const uint8_t *)ret->file, n }, ret, &inner);
	if (rc < 0)
		return err_set(e, inner.code, inner.errnum, "'%.100s' is no initrd that can be read: %s",
			       path, inner.what);
	return 0;
}

const struct archive_entry *image_find(const struct image *i, const char *path)
{
	path = archive_path(&(struct archive_entry){ .path = path });
	for (size_t k = i->archive.n; k-- > 0;)
		if (strcmp(archive_path(&i->archive.entries[k]), path) == 0)
			return &i->archive.entries[k];
	return NULL;
}

/* Among those of one path, the last one of the archive comes first. */
static int by_path(const void *left, const void *right)
{
	const struct archive_entry *a = *(const struct archive_entry *const *)left;
	const struct archive_entry *b = *(const struct archive_entry *const *)right;
	int c = strcmp(archive_path(a), archive_path(b));

	return c ? c : (a < b) - (a > b);
}

int image_sort(const struct image *i, const struct archive_entry ***ret, size_t *ret_n,
	       struct err *e)
{
	const struct archive_entry **list = calloc(i->archive.n + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return err_set(e, ERR_MEMORY, 0, "no memory for %zu entries", i->archive.n);
	for (size_t k = 0; k < i->archive.n; k++)
		list[k] = &i->archive.entries[k];
	qsort(list, i->archive.n, sizeof(*list), by_path);
	for (size_t k = 0; k < i->archive.n; k++)
		if (!n || strcmp(archive_path(list[k]), archive_path(list[n - 1])) != 0)
			list[n++] = list[k];
	*ret = list;
	*ret_n = n;
	return 0;
}
