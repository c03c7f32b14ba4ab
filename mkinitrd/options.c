/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "mkinitrd/compress.h"

enum { DEFAULT_LEVEL = 19 };

const char build_options_help[] =
	"Usage: slipway-mkinitrd [build] --output FILE --kernel-version VERSION [OPTION]...\n"
	"\n"
	"Builds the initrd for one kernel: slipway, the kernel modules that it needs, and\n"
	"what it trusts. The same input gives the same bytes. Needs no privilege.\n"
	"\n"
	"  -o, --output FILE            where the initrd goes; replaced at once or not at all\n"
	"  -k, --kernel-version VERSION the kernel, as uname -r shows it\n"
	"      --sysroot DIR            take the modules from DIR/usr/lib/modules or\n"
	"                               DIR/lib/modules (default: /)\n"
	"      --init FILE              the program (default: /usr/lib/slipway/init)\n"
	"      --profile virt|none      drivers by purpose, of which the kernel may lack some\n"
	"                               (default: virt, or none with --modules)\n"
	"      --modules NAME,...       further modules by name or alias, which must be there\n"
	"      --cert FILE              trust this certificate (PEM); may be repeated\n"
	"      --conf FILE              the slipway.conf of the initrd\n"
	"      --os-release FILE        its identity, /etc/initrd-release\n"
	"      --modprobe-conf FILE     options and aliases of modules; may be repeated\n"
	"      --include SRC:DST        a further file or folder; may be repeated\n"
	"      --compress zstd[:LEVEL]|none   (default: zstd:19)\n"
	"      --manifest FILE          list what was packed, and why\n"
	"  -n, --dry-run                print that list and write nothing\n"
	"  -v, --verbose                say what was left out, and the size\n"
	"  -h, --help                   this text\n"
	"\n"
	"SOURCE_DATE_EPOCH is the time of all files (default: 0). Exit status: 0, 1 after\n"
	"a failure, 2 if the command line is wrong. See slipway-mkinitrd(8).\n";

/* What getopt_long() returns for options without a letter. */
enum {
	OPT_SYSROOT = 256,
	OPT_INIT,
	OPT_PROFILE,
	OPT_MODULES,
	OPT_CERT,
	OPT_CONF,
	OPT_OS_RELEASE,
	OPT_MODPROBE_CONF,
	OPT_INCLUDE,
	OPT_COMPRESS,
	OPT_MANIFEST,
};

static const struct option long_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "kernel-version", required_argument, NULL, 'k' },
	{ "sysroot", required_argument, NULL, OPT_SYSROOT },
	{ "init", required_argument, NULL, OPT_INIT },
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "modules", required_argument, NULL, OPT_MODULES },
	{ "cert", required_argument, NULL, OPT_CERT },
	{ "conf", required_argument, NULL, OPT_CONF },
	{ "os-release", required_argument, NULL, OPT_OS_RELEASE },
	{ "modprobe-conf", required_argument, NULL, OPT_MODPROBE_CONF },
	{ "include", required_argument, NULL, OPT_INCLUDE },
	{ "compress", required_argument, NULL, OPT_COMPRESS },
	{ "manifest", required_argument, NULL, OPT_MANIFEST },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int push(struct words *w, const char *word, struct err *e)
{
	const char **grown = realloc(w->v, (w->n + 2) * sizeof(*grown));

	if (!grown)
		return err_set(e, ERR_MEMORY, 0, "no memory for '%s'", word);
	w->v = grown;
	w->v[w->n++] = word;
	w->v[w->n] = NULL;
	return 0;
}

static int parse_number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, 10);
	return errno || *end || *text < '0' || *text > '9' || *ret > max ? -1 : 0;
}

static int parse_compress(const char *text, int *ret, struct err *e)
{
	unsigned long level = DEFAULT_LEVEL;

	if (strcmp(text, "none") == 0) {
		*ret = 0;
		return 0;
	}
	if (strncmp(text, "zstd", 4) != 0 || (text[4] && text[4] != ':') ||
	    (text[4] && (parse_number(text + 5, COMPRESS_MAX_LEVEL, &level) < 0 ||
			 level < COMPRESS_MIN_LEVEL)))
		return err_set(e, ERR_CONFIG, 0,
			       "--compress '%s' is not zstd, zstd:%d to zstd:%d or none", text,
			       COMPRESS_MIN_LEVEL, COMPRESS_MAX_LEVEL);
	*ret = (int)level;
	return 0;
}

static int parse_profile(const char *text, enum profile *ret, struct err *e)
{
	if (strcmp(text, "virt") == 0)
		*ret = PROFILE_VIRT;
	else if (strcmp(text, "none") == 0)
		*ret = PROFILE_NONE;
	else
		return err_set(e, ERR_CONFIG, 0, "--profile '%s' is not virt or none", text);
	return 0;
}

static int parse_modules(char *text, struct words *ret, struct err *e)
{
	char *rest = NULL;
	int rc = 0;

	for (char *name = strtok_r(text, ",", &rest); name && rc == 0;
	     name = strtok_r(NULL, ",", &rest)) {
		if (*name == '+' || *name == '-')
			return err_set(e, ERR_CONFIG, 0,
				       "--modules '%s': signs are not understood; a list adds to "
				       "--profile",
				       name);
		rc = push(ret, name, e);
	}
	return rc;
}

static const char **text_option(struct build_options *o, int option)
{
	switch (option) {
	case 'o': return &o->output;
	case 'k': return &o->kernel_version;
	case OPT_SYSROOT: return &o->sysroot;
	case OPT_INIT: return &o->init;
	case OPT_CONF: return &o->conf;
	case OPT_OS_RELEASE: return &o->os_release;
	case OPT_MANIFEST: return &o->manifest;
	default: return NULL;
	}
}

static struct words *list_option(struct build_options *o, int option)
{
	switch (option) {
	case OPT_CERT: return &o->certificates;
	case OPT_MODPROBE_CONF: return &o->modprobe_configs;
	case OPT_INCLUDE: return &o->includes;
	default: return NULL;
	}
}

static int parse_option(struct build_options *o, int option, const char *word, bool *ret_profile,
			struct err *e)
{
	const char **text = text_option(o, option);
	struct words *list = list_option(o, option);

	if (text && !*optarg)
		return err_set(e, ERR_CONFIG, 0, "'%s' needs a value that is not empty", word);
	if (text)
		*text = optarg;
	if (list)
		return push(list, optarg, e);
	switch (option) {
	case OPT_PROFILE:
		*ret_profile = true;
		return parse_profile(optarg, &o->profile, e);
	case OPT_MODULES:
		return parse_modules(optarg, &o->modules, e);
	case OPT_COMPRESS:
		return parse_compress(optarg, &o->level, e);
	case 'n':
		o->dry_run = true;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case 'h':
		o->task = TASK_HELP;
		return 0;
	case ':':
		return err_set(e, ERR_CONFIG, 0, "option '%.200s' needs a value", word);
	case '?':
		return err_set(e, ERR_CONFIG, 0,
			       "option '%.200s' is unknown, unclear or takes no value", word);
	}
	return 0;
}

/* A word of the command line becomes part of paths. */
static int check_kernel_version(const char *version, struct err *e)
{
	if (strchr(version, '/') || version[0] == '.' || strlen(version) > 128)
		return err_set(e, ERR_CONFIG, 0,
			       "'%.128s' is no kernel version; uname -r shows one", version);
	return 0;
}

static int parse_time(uint32_t *ret, struct err *e)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	unsigned long time = 0;

	if (text && parse_number(text, UINT32_MAX, &time) < 0)
		return err_set(e, ERR_CONFIG, 0,
			       "SOURCE_DATE_EPOCH is '%.32s', and no number of seconds below 2^32",
			       text);
	*ret = (uint32_t)time;
	return 0;
}

static int check(struct build_options *o, int argc, char **argv, struct err *e)
{
	int rc;

	if (optind < argc)
		return err_set(e, ERR_CONFIG, 0, "'%.100s' is no option", argv[optind]);
	if (!o->output && !o->dry_run)
		return err_set(e, ERR_CONFIG, 0, "say with --output where the initrd goes");
	if (!o->kernel_version)
		return err_set(e, ERR_CONFIG, 0,
			       "say with --kernel-version for which kernel, as uname -r shows it");
	rc = check_kernel_version(o->kernel_version, e);
	return rc < 0 ? rc : parse_time(&o->time, e);
}

int build_options_parse(int argc, char **argv, struct build_options *ret, struct err *e)
{
	bool profile = false;
	int option, rc = 0;

	*ret = (struct build_options){
		.sysroot = "",
		.init = "/usr/lib/slipway/init",
		.level = DEFAULT_LEVEL,
	};
	opterr = 0;
	while (rc == 0) {
		option = getopt_long(argc, argv, ":o:k:nvh", long_options, NULL);
		if (option == -1)
			break;
		rc = parse_option(ret, option, argv[optind - 1], &profile, e);
	}
	if (rc < 0 || ret->task != TASK_BUILD)
		return rc;
	if (!profile)
		ret->profile = ret->modules.n ? PROFILE_NONE : PROFILE_VIRT;
	return check(ret, argc, argv, e);
}

void build_options_done(struct build_options *o)
{
	free(o->modules.v);
	free(o->certificates.v);
	free(o->modprobe_configs.v);
	free(o->includes.v);
	*o = (struct build_options){ 0 };
}
