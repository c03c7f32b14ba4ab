/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cat: the contents of files of an image. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "mkinitrd/image.h"
#include "mkinitrd/operands.h"
#include "mkinitrd/verb.h"

static const char help[] =
	"Usage: slipway-mkinitrd cat IMAGE PATH...\n"
	"\n"
	"Writes the contents of these files of an initrd, or of the one in a UKI, to standard\n"
	"output. A '/' at the start of a path does not matter. Links are not followed.\n"
	"\n"
	"  -h, --help   this text\n";

static int cat(const struct image *i, const char *path, struct err *e)
{
	const struct archive_entry *entry = image_find(i, path);

	if (!entry)
		return err_set(e, ERR_CONFIG, 0, "the image has no '%.200s'", path);
	if (S_ISLNK(entry->mode))
		return err_set(e, ERR_CONFIG, 0, "'%.120s' is a link to '%.*s'; name that", path,
			       entry->data.n < 120 ? (int)entry->data.n : 120, entry->data.p);
	if (!S_ISREG(entry->mode))
		return err_set(e, ERR_CONFIG, 0, "'%.200s' is no file", path);
	if (fwrite(entry->data.p, 1, entry->data.n, stdout) != entry->data.n)
		return err_set(e, ERR_SYSTEM, errno, "print '%.200s'", path);
	return 0;
}

int verb_cat(int argc, char **argv)
{
	static const struct operands o = {
		.verb = "cat", .help = help, .min = 2, .max = INT_MAX,
		.wanted = "an image and at least one path in it",
	};
	SCOPED(image_done) struct image i = { 0 };
	struct err e = { 0 };
	int status, rc;

	if (!operands_parse(&o, argc, argv, &status))
		return status;
	rc = image_open(argv[optind], &i, &e);
	for (int k = optind + 1; k < argc && rc == 0; k++)
		rc = cat(&i, argv[k], &e);
	if (rc == 0 && fflush(stdout) != 0)
		rc = err_set(&e, ERR_SYSTEM, errno, "print the contents");
	return rc < 0 ? verb_failed(&e) : STATUS_OK;
}
