/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* build: plan what goes in, pack it, compress it, replace the output. */
#include <errno.h>
#include <stdio.h>

#include "init/core/cleanup.h"
#include "mkinitrd/compress.h"
#include "mkinitrd/options.h"
#include "mkinitrd/output.h"
#include "mkinitrd/plan.h"
#include "mkinitrd/progress.h"
#include "mkinitrd/sbom.h"
#include "mkinitrd/settings.h"
#include "mkinitrd/verb.h"

static int pack(const struct build_options *o, const struct initrd *i, struct buffer *ret,
		struct err *e)
{
	SCOPED(buffer_done) struct buffer archive = { 0 };
	int rc = cpio_write(i->entries, i->n, o->time, buffer_append, &archive, e);

	if (rc == 0)
		rc = compress(&o->compression, archive.p, archive.n, compress_threads(), &ret->p,
			      &ret->n, e);
	if (rc == 0 && o->verbose)
		fprintf(stderr,
			"slipway-mkinitrd: %zu entries, %zu bytes unpacked, %zu bytes packed\n",
			i->n, archive.n, ret->n);
	return rc;
}

static int write_sbom(const struct build_options *o, const struct initrd *i,
		      const struct buffer *image, struct err *e)
{
	SCOPED(buffer_done) struct buffer sbom = { 0 };
	int rc = sbom_write(i, image, o->time, &sbom, e);

	return rc == 0 ? output_write(o->sbom, 0644, sbom.p, sbom.n, e) : rc;
}

/* The image comes last: once it is there, all is. */
static int write_all(const struct build_options *o, struct progress *p, const struct initrd *i,
		     const struct buffer *manifest, struct err *e)
{
	SCOPED(buffer_done) struct buffer image = { 0 };
	int rc;

	progress_step(p, "compressing");
	rc = pack(o, i, &image, e);
	progress_step(p, "writing %zu bytes", image.n);
	if (rc == 0 && o->manifest)
		rc = output_write(o->manifest, 0644, manifest->p, manifest->n, e);
	if (rc == 0 && o->sbom)
		rc = write_sbom(o, i, &image, e);
	return rc == 0 ? output_write(o->output, 0600, image.p, image.n, e) : rc;
}

/* It lists all but itself. */
static int add_manifest(struct initrd *i, uint32_t time, struct buffer *ret, struct err *e)
{
	int rc = manifest_write(i, time, ret, e);

	if (rc == 0)
		rc = buffer_append(ret, "", 1, e);
	if (rc < 0)
		return rc;
	ret->n--;
	rc = initrd_add_text(i, "etc/slipway.manifest", ret->p, "this list", e);
	initrd_sort(i);
	return rc;
}

static int build(const struct build_options *o, struct err *e)
{
	SCOPED(progress_end) struct progress *p = progress_begin();
	SCOPED(buffer_done) struct buffer manifest = { 0 };
	SCOPED(initrd_done) struct initrd i = { 0 };
	int rc = plan_initrd(o, p, &i, e);

	if (rc == 0)
		rc = add_manifest(&i, o->time, &manifest, e);
	if (rc < 0)
		return rc;
	if (!o->dry_run)
		return write_all(o, p, &i, &manifest, e);
	fwrite(manifest.p, 1, manifest.n, stdout);
	return fflush(stdout) == 0 ? 0 : err_set(e, ERR_SYSTEM, errno, "print the manifest");
}

static int print(const struct build_options *o)
{
	if (o->help)
		build_options_print_help();
	else
		settings_print(&o->settings);
	return fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
}

int verb_build(int argc, char **argv)
{
	SCOPED(build_options_done) struct build_options o = { 0 };
	struct err e = { 0 };
	int rc = build_options_parse(argc, argv, &o, &e);

	if (rc == 0 && (o.help || o.print_config))
		return print(&o);
	if (rc == 0)
		rc = plan_kernel(&o, &e);
	if (rc < 0)
		return e.code == ERR_MEMORY ? verb_failed(&e) : verb_misused(&e, "build");
	return build(&o, &e) < 0 ? verb_failed(&e) : STATUS_OK;
}
