/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pack: what 'unpack' made becomes an image again. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "mkinitrd/compress.h"
#include "mkinitrd/operands.h"
#include "mkinitrd/output.h"
#include "mkinitrd/repack.h"
#include "mkinitrd/verb.h"
#include "modules/inputs/manifest.h"

static const char help[] =
	"Usage: slipway-mkinitrd pack DIR --output FILE [OPTION]...\n"
	"\n"
	"Makes an initrd of a folder that the verb unpack has made. Modes, device nodes and\n"
	"the time of all files come from its etc/slipway.manifest, so that the same bytes come\n"
	"out, if the compression is the same. A file that is new, gone, or other than the\n"
	"manifest says is an error.\n"
	"\n"
	"  -o, --output FILE    where the initrd goes; replaced as a whole\n"
	"      --compress HOW   " COMPRESSION_USAGE " (default: " COMPRESSION_DEFAULT ")\n"
	"      --update         take the folder as it is, and write a new manifest into it\n"
	"  -h, --help           this text\n";

struct pack_options {
	const char *folder, *output, *how;
	struct compression compression;
	bool update;
};

/* The folder's manifest changes once the image is there. */
static int update_manifest(const char *folder, const struct initrd *i, struct err *e)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s" MANIFEST_PATH, folder) >= PATH_MAX)
		return err_set(e, ERR_CONFIG, 0, "'%.200s' is too long a path", folder);
	for (size_t k = 0; k < i->n; k++)
		if (strcmp(i->entries[k].path, &MANIFEST_PATH[1]) == 0)
			return output_write(path, 0644, i->entries[k].data, i->entries[k].n_data, e);
	return 0;
}

static int pack(const struct pack_options *o, struct err *e)
{
	SCOPED(repacked_done) struct repacked r = { 0 };
	SCOPED(buffer_done) struct buffer archive = { 0 };
	SCOPED(buffer_done) struct buffer image = { 0 };
	int rc = repack(o->folder, o->update, &r, e);

	if (rc == 0)
		rc = cpio_write(r.initrd.entries, r.initrd.n, r.time, buffer_append, &archive, e);
	if (rc == 0)
		rc = compress(&o->compression, archive.p, archive.n, compress_threads(), &image.p,
			      &image.n, e);
	if (rc == 0)
		rc = output_write(o->output, 0600, image.p, image.n, e);
	return rc == 0 && o->update ? update_manifest(o->folder, &r.initrd, e) : rc;
}

int verb_pack(int argc, char **argv)
{
	struct pack_options p = { .how = COMPRESSION_DEFAULT };
	const struct operands o = {
		.verb = "pack", .help = help, .min = 1, .max = 1, .wanted = "one folder",
		.options = { { "output", 'o', &p.output, NULL }, { "compress", 0, &p.how, NULL },
			     { "update", 0, NULL, &p.update } },
	};
	struct err e = { 0 };
	int status;

	if (!operands_parse(&o, argc, argv, &status))
		return status;
	p.folder = argv[optind];
	if (!p.output && err_set(&e, ERR_CONFIG, 0, "say with --output where the initrd goes") < 0)
		return verb_misused(&e, "pack");
	if (compression_parse(p.how, &p.compression, &e) < 0)
		return verb_misused(&e, "pack");
	return pack(&p, &e) < 0 ? verb_failed(&e) : STATUS_OK;
}
