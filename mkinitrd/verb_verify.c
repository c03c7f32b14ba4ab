/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* verify: before anybody boots it. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "mkinitrd/verb.h"
#include "mkinitrd/verify.h"

static const char help[] =
	"Usage: slipway-mkinitrd verify IMAGE [OPTION]...\n"
	"\n"
	"Says whether an initrd, or a UKI with one, would boot: that it is whole, that its\n"
	"kernel has what it needs, and that it accepts the disk and the extensions, judged\n"
	"by the code of the boot. Needs no privilege.\n"
	"\n"
	"      --kernel VMLINUZ   the kernel that is started (default: that of the UKI)\n"
	"      --ddi DISK         the disk with the root, as a file or device\n"
	"      --extension RAW    a system extension beside the UKI; may be repeated\n"
	"      --cmdline TEXT     the command line (default: that of the UKI)\n"
	"      --json             print JSON\n"
	"  -h, --help             this text\n"
	"\n"
	"A line for each check: ok, note, skip (could not be looked at) or FAIL, with the way\n"
	"out. Exit status: 0 if nothing fails, 1 if something does, 2 if the command line is\n"
	"wrong. See slipway-mkinitrd(8).\n";

enum { OPT_KERNEL = 256, OPT_DDI, OPT_EXTENSION, OPT_CMDLINE, OPT_JSON };

static const struct option long_options[] = {
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "ddi", required_argument, NULL, OPT_DDI },
	{ "extension", required_argument, NULL, OPT_EXTENSION },
	{ "cmdline", required_argument, NULL, OPT_CMDLINE },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct request {
	const char *image, *kernel, *ddi, *cmdline;
	const char **extensions; /* owned; the words are those of argv */
	size_t n_extensions;
	bool json, help;
};

static void request_done(struct request *r)
{
	free(r->extensions);
}

static int add_extension(struct request *r, const char *path, struct err *e)
{
	const char **grown = realloc(r->extensions, (r->n_extensions + 1) * sizeof(*grown));

	if (!grown)
		return err_set(e, ERR_MEMORY, 0, "no memory for '%s'", path);
	r->extensions = grown;
	r->extensions[r->n_extensions++] = path;
	return 0;
}

static int parse_option(struct request *r, int option, const char *word, struct err *e)
{
	switch (option) {
	case OPT_KERNEL:
		r->kernel = optarg;
		break;
	case OPT_DDI:
		r->ddi = optarg;
		break;
	case OPT_EXTENSION:
		return add_extension(r, optarg, e);
	case OPT_CMDLINE:
		r->cmdline = optarg;
		break;
	case OPT_JSON:
		r->json = true;
		break;
	case 'h':
		r->help = true;
		break;
	case ':':
		return err_set(e, ERR_CONFIG, 0, "option '%.200s' needs a value", word);
	default:
		return err_set(e, ERR_CONFIG, 0,
			       "option '%.200s' is unknown, unclear or takes no value", word);
	}
	return 0;
}

static int parse(int argc, char **argv, struct request *r, struct err *e)
{
	int option, rc = 0;

	opterr = 0;
	while (rc == 0 && (option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1)
		rc = parse_option(r, option, argv[optind - 1], e);
	if (rc < 0 || r->help)
		return rc;
	if (optind == argc)
		return err_set(e, ERR_CONFIG, 0, "say which image, an initrd or a UKI, is to be verified");
	if (optind + 1 < argc)
		return err_set(e, ERR_CONFIG, 0, "'%.100s' is one image too many", argv[optind + 1]);
	r->image = argv[optind];
	return 0;
}

static int verify(const struct request *r, struct err *e)
{
	SCOPED(verify_done) struct verify v;
	int rc = verify_open(r->image, &v, e);

	if (rc < 0)
		return rc;
	v.wants_extensions = r->n_extensions > 0;
	report_begin(&v.report, r->json);
	verify_image(&v, r->cmdline);
	verify_kernel(&v, r->kernel);
	if (r->ddi)
		verify_disk(&v, r->ddi);
	for (size_t i = 0; i < r->n_extensions; i++)
		verify_extension(&v, r->extensions[i]);
	verify_warnings(&v);
	if (report_end(&v.report) < 0)
		return err_set(e, ERR_SYSTEM, errno, "print what was found");
	return v.report.n_failed ? STATUS_FAILED : STATUS_OK;
}

int verb_verify(int argc, char **argv)
{
	SCOPED(request_done) struct request r = { 0 };
	struct err e = { 0 };
	int rc = parse(argc, argv, &r, &e);

	if (rc < 0)
		return e.code == ERR_CONFIG ? verb_misused(&e, "verify") : verb_failed(&e);
	if (r.help)
		return fputs(help, stdout) < 0 ? STATUS_FAILED : STATUS_OK;
	rc = verify(&r, &e);
	return rc < 0 ? verb_failed(&e) : rc;
}
