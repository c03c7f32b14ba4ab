/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ls: what is in an image. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "mkinitrd/image.h"
#include "mkinitrd/operands.h"
#include "mkinitrd/quote.h"
#include "mkinitrd/verb.h"

static const char help[] =
	"Usage: slipway-mkinitrd ls [-l] IMAGE\n"
	"\n"
	"Lists the paths in an initrd, or in the one of a UKI, in the order of the archive.\n"
	"\n"
	"  -l, --long   with type and permissions, bytes (of a device node its numbers), and\n"
	"               where a link leads\n"
	"  -h, --help   this text\n";

static void format_mode(uint32_t mode, char ret[static 11])
{
	static const char types[] = "?pc?d?b?-?l?s???", bits[] = "rwxrwxrwx";

	ret[0] = types[mode >> 12 & 15];
	for (int i = 0; i < 9; i++)
		ret[1 + i] = mode >> (8 - i) & 1 ? bits[i] : '-';
	if (mode & S_ISUID)
		ret[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		ret[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		ret[9] = mode & S_IXOTH ? 't' : 'T';
	ret[10] = '\0';
}

static void print_long(const struct archive_entry *entry)
{
	char mode[11], size[32], target[4096];

	format_mode(entry->mode, mode);
	if (S_ISCHR(entry->mode) || S_ISBLK(entry->mode))
		snprintf(size, sizeof(size), "%u, %u", entry->major, entry->minor);
	else
		snprintf(size, sizeof(size), "%zu", entry->data.n);
	printf("%s %10s ", mode, size);
	quote(stdout, entry->path);
	if (S_ISLNK(entry->mode)) {
		memcpy(target, entry->data.p, entry->data.n);
		target[entry->data.n] = '\0';
		fputs(" -> ", stdout);
		quote(stdout, target);
	}
}

int verb_ls(int argc, char **argv)
{
	bool in_full = false;
	const struct operands o = {
		.verb = "ls", .help = help, .min = 1, .max = 1, .wanted = "one image",
		.options = { { "long", 'l', NULL, &in_full } },
	};
	SCOPED(image_done) struct image i = { 0 };
	struct err e = { 0 };
	int status;

	if (!operands_parse(&o, argc, argv, &status))
		return status;
	if (image_open(argv[optind], &i, &e) < 0)
		return verb_failed(&e);
	for (size_t k = 0; k < i.archive.n; k++) {
		if (in_full)
			print_long(&i.archive.entries[k]);
		else
			quote(stdout, i.archive.entries[k].path);
		putchar('\n');
	}
	if (fflush(stdout) != 0 && err_set(&e, ERR_SYSTEM, errno, "print the list") < 0)
		return verb_failed(&e);
	return STATUS_OK;
}
