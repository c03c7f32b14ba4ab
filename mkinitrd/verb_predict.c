/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* predict: what the TPM will hold after a boot that has not happened yet. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "mkinitrd/pcrsig.h"
#include "mkinitrd/predict.h"
#include "mkinitrd/predict_nvpcr.h"
#include "mkinitrd/progress.h"
#include "mkinitrd/verb.h"
#include "mkinitrd/volume_key.h"

static const char help[] =
	"Usage: slipway-mkinitrd predict --uki FILE [OPTION]...\n"
	"\n"
	"Prints what PCR 4, 9, 11, 12, 13 and 15 come to when firmware starts this UKI,\n"
	"made with systemd-stub 257 to 262, and slipway boots it. Needs no TPM.\n"
	"\n"
	"      --uki FILE                the UKI, as it lies on the ESP\n"
	"      --addon, --credential, --sysext, --confext FILE      in UKI.extra.d\n"
	"      --global-addon, --global-credential, --global-sysext, --global-confext\n"
	"                     FILE       in /loader/addons, credentials, extensions\n"
	"      --esp-extension, --host-extension FILE|none\n"
	"      --smbios-cmdline TEXT     words added to the command line by SMBIOS\n"
	"      --pcr-scheme 257|261      instead of what its initrd's slipway.conf says\n"
	"      --no-secure-boot, --no-boot-secret    the machine has none of these\n"
	"      --volume-key NAME:UUID[:FILE]  the key of a volume that the initrd opens\n"
	"      --root-hash HEX, --root-signature FILE, --verity-name root|usr\n"
	"                                what the NvPCR 'verity' knows of\n"
	"      --bank NAME,...           sha1, sha256, sha384, sha512 (default: all)\n"
	"      --phases PATH,...         PCR 11 when these were entered (WORD:WORD...)\n"
	"      --sign KEY                print signatures of those, as .pcrsig has them\n"
	"      --public-key FILE         demand that KEY is this one's private half\n"
	"      --json                    print JSON\n"
	"  -h, --help                    this text\n"
	"\n"
	"Options for what lies beside the UKI, and volumes, may be repeated. Exit status:\n"
	"0, 1 if it cannot be told, 2 for a wrong command line. See slipway-mkinitrd(8).\n";

enum {
	OPT_UKI = 256, OPT_SMBIOS, OPT_SCHEME, OPT_BANK, OPT_ESP_EXTENSION, OPT_HOST_EXTENSION, OPT_JSON, OPT_PHASES, OPT_SIGN,
	OPT_PUBLIC_KEY, OPT_NO_BOOT_SECRET, OPT_NO_SECURE_BOOT,
	OPT_VOLUME_KEY, OPT_ROOT_HASH, OPT_ROOT_SIGNATURE, OPT_VERITY_NAME, OPT_BESIDE
};

static const struct option long_options[] = {
	{ "uki", required_argument, NULL, OPT_UKI },
	{ "smbios-cmdline", required_argument, NULL, OPT_SMBIOS },
	{ "pcr-scheme", required_argument, NULL, OPT_SCHEME },
	{ "esp-extension", required_argument, NULL, OPT_ESP_EXTENSION },
	{ "host-extension", required_argument, NULL, OPT_HOST_EXTENSION },
	{ "bank", required_argument, NULL, OPT_BANK },
	{ "phases", required_argument, NULL, OPT_PHASES },
	{ "sign", required_argument, NULL, OPT_SIGN },
	{ "public-key", required_argument, NULL, OPT_PUBLIC_KEY },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "no-secure-boot", no_argument, NULL, OPT_NO_SECURE_BOOT },
	{ "no-boot-secret", no_argument, NULL, OPT_NO_BOOT_SECRET },
	{ "volume-key", required_argument, NULL, OPT_VOLUME_KEY },
	{ "root-hash", required_argument, NULL, OPT_ROOT_HASH },
	{ "root-signature", required_argument, NULL, OPT_ROOT_SIGNATURE },
	{ "verity-name", required_argument, NULL, OPT_VERITY_NAME },
	{ "global-addon", required_argument, NULL, OPT_BESIDE + COMPANION_GLOBAL_ADDON },
	{ "addon", required_argument, NULL, OPT_BESIDE + COMPANION_ADDON },
	{ "credential", required_argument, NULL, OPT_BESIDE + COMPANION_CREDENTIAL },
	{ "global-credential", required_argument, NULL, OPT_BESIDE + COMPANION_GLOBAL_CREDENTIAL },
	{ "confext", required_argument, NULL, OPT_BESIDE + COMPANION_CONFEXT },
	{ "global-confext", required_argument, NULL, OPT_BESIDE + COMPANION_GLOBAL_CONFEXT },
	{ "sysext", required_argument, NULL, OPT_BESIDE + COMPANION_SYSEXT },
	{ "global-sysext", required_argument, NULL, OPT_BESIDE + COMPANION_GLOBAL_SYSEXT },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

enum { MAX_FILE_BYTES = 1024 * 1024 * 1024, MAX_PHASES = 64, MAX_VOLUMES = 16 };

struct request {
	const char *uki, *key, *public_key;
	bool json, help;
	const char *phases[MAX_PHASES];
	size_t n_phases;
	const char *volumes[MAX_VOLUMES];
	size_t n_volumes;
	bool unknown_volume;
	struct pcr volume_keys; /* PCR 15 */
	struct predict_input in; /* owns what its bytes point to */
	struct predict_nvpcr_input nvpcr;
};

static void request_done(struct request *r)
{
	free((void *)r->in.uki.p);
	verity_signature_done(&r->nvpcr.signature);
	for (size_t i = 0; i < N_COMPANIONS; i++) {
		for (size_t k = 0; k < r->in.beside[i].n; k++)
			free((void *)r->in.beside[i].files[k].content.p);
		free(r->in.beside[i].files);
	}
}

static int load(const char *path, struct bytes *ret, struct err *e)
{
	char *p;
	int rc = file_read(AT_FDCWD, path, MAX_FILE_BYTES, &p, &ret->n, e);

	if (rc == 0)
		ret->p = (const uint8_t *)p;
	return rc;
}

static int add_file(struct stub_list *l, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	struct stub_file *grown = realloc(l->files, (l->n + 1) * sizeof(*grown));

	if (!grown)
		return err_set(e, ERR_MEMORY, 0, "no memory for '%s'", path);
	l->files = grown;
	grown[l->n] = (struct stub_file){ .name = slash ? slash + 1 : path };
	return load(path, &grown[l->n++].content, e);
}

static int parse_banks(char *text, unsigned *ret, struct err *e)
{
	char *rest = NULL;

	for (char *name = strtok_r(text, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		size_t i = 0;

		while (i < PCR_N_BANKS && strcmp(pcr_bank_name(i), name) != 0)
			i++;
		if (i == PCR_N_BANKS)
			return err_set(e, ERR_CONFIG, 0,
				       "--bank '%.32s' is not sha1, sha256, sha384 or sha512", name);
		*ret |= 1u << i;
	}
	return 0;
}

static int parse_phases(char *text, struct request *r, struct err *e)
{
	char *path;

	while ((path = strsep(&text, ","))) {
		if (r->n_phases == MAX_PHASES)
			return err_set(e, ERR_CONFIG, 0, "--phases has over %d paths", MAX_PHASES);
		if (!*path || *path == ':' || strstr(path, "::") || path[strlen(path) - 1] == ':')
			return err_set(e, ERR_CONFIG, 0,
				       "--phases: '%.100s' has an empty word; '-' is before all", path);
		r->phases[r->n_phases++] = path;
	}
	return 0;
}

/* PCR 15 is zero but for the volumes that the initrd opens, in their order. */
static int take_volumes(struct request *r, struct err *e)
{
	r->volume_keys.banks = r->in.banks;
	for (size_t i = 0; i < r->n_volumes; i++) {
		int rc = volume_key_extend(&r->volume_keys, r->volumes[i], e);

		if (rc < 0)
			return rc;
		r->unknown_volume |= rc == 0;
	}
	return 0;
}

static int parse_scheme(const char *text, enum predict_scheme *ret, struct err *e)
{
	if (strcmp(text, "257") == 0)
		*ret = PREDICT_SCHEME_257;
	else if (strcmp(text, "261") == 0)
		*ret = PREDICT_SCHEME_261;
	else
		return err_set(e, ERR_CONFIG, 0, "--pcr-scheme '%.32s' is not 257 or 261", text);
	return 0;
}

/* What systemd-repart writes, or the partition that it made of it. */
static int load_signature(const char *path, struct verity_signature *ret, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	size_t n;
	int rc = file_read(AT_FDCWD, path, SIGNATURE_MAX_BYTES, &text, &n, e);

	if (rc == 0) {
		verity_signature_done(ret);
		rc = verity_signature_parse((const uint8_t *)text, n, ret, e);
	}
	return rc < 0 ? err_in(e, "'%s'", path) : 0;
}

static int add_extension(struct predict_extensions *l, const char *path, struct err *e)
{
	l->told = true;
	return strcmp(path, "none") == 0 ? 0 : predict_extension_add(l, path, e);
}

static int parse_option(struct request *r, int option, const char *word, struct err *e)
{
	switch (option) {
	case OPT_UKI:
		r->uki = optarg;
		return 0;
	case OPT_SMBIOS:
		r->in.smbios_cmdline = optarg;
		return 0;
	case OPT_SCHEME:
		return parse_scheme(optarg, &r->in.scheme, e);
	case OPT_ESP_EXTENSION:
		return add_extension(&r->in.esp, optarg, e);
	case OPT_HOST_EXTENSION:
		return add_extension(&r->in.host, optarg, e);
	case OPT_BANK:
		return parse_banks(optarg, &r->in.banks, e);
	case OPT_PHASES:
		return parse_phases(optarg, r, e);
	case OPT_SIGN:
		r->key = optarg;
		return 0;
	case OPT_PUBLIC_KEY:
		r->public_key = optarg;
		return 0;
	case OPT_ROOT_HASH:
		r->nvpcr.root_hash = optarg;
		return 0;
	case OPT_ROOT_SIGNATURE:
		return load_signature(optarg, &r->nvpcr.signature, e);
	case OPT_VERITY_NAME:
		r->nvpcr.name = optarg;
		return 0;
	case OPT_JSON:
		r->json = true;
		return 0;
	case OPT_NO_SECURE_BOOT:
		r->in.no_secure_boot = true;
		return 0;
	case OPT_NO_BOOT_SECRET:
		r->in.no_boot_secret = true;
		return 0;
	case OPT_VOLUME_KEY:
		if (r->n_volumes == MAX_VOLUMES)
			return err_set(e, ERR_CONFIG, 0, "over %d volumes", MAX_VOLUMES);
		r->volumes[r->n_volumes++] = optarg;
		return 0;
	case 'h':
		r->help = true;
		return 0;
	case ':':
		return err_set(e, ERR_CONFIG, 0, "option '%.200s' needs a value", word);
	case '?':
		return err_set(e, ERR_CONFIG, 0,
			       "option '%.200s' is unknown, unclear or takes no value", word);
	}
	return add_file(&r->in.beside[option - OPT_BESIDE], optarg, e);
}

/* What is signed for a later phase can be unsealed when the initrd is long gone: only the
 * initrd's own, unless the vendor wants more. */
static void default_phases(struct request *r)
{
	if (r->key)
		r->phases[r->n_phases++] = "enter-initrd";
	for (size_t i = 0; !r->key && i < PREDICT_N_PHASES; i++)
		r->phases[r->n_phases++] = predict_phases[i];
}

static int parse(int argc, char **argv, struct request *r, struct err *e)
{
	int option, rc = 0;

	opterr = 0;
	while (rc == 0 && (option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1)
		rc = parse_option(r, option, argv[optind - 1], e);
	if (rc < 0 || r->help)
		return rc;
	if (optind < argc)
		return err_set(e, ERR_CONFIG, 0, "'%.100s' is no option", argv[optind]);
	if (!r->uki)
		return err_set(e, ERR_CONFIG, 0, "say with --uki which UKI is started");
	if (r->public_key && !r->key)
		return err_set(e, ERR_CONFIG, 0, "--public-key is for --sign");
	if (r->nvpcr.root_hash && strspn(r->nvpcr.root_hash, "0123456789abcdef") != strlen(r->nvpcr.root_hash))
		return err_set(e, ERR_CONFIG, 0, "--root-hash is no lower-case hex");
	if (r->nvpcr.name && strcmp(r->nvpcr.name, "root") != 0 && strcmp(r->nvpcr.name, "usr") != 0)
		return err_set(e, ERR_CONFIG, 0, "--verity-name is neither root nor usr");
	if (!r->n_phases)
		default_phases(r);
	if (r->key && r->in.scheme == PREDICT_SCHEME_OF_INITRD)
		r->in.scheme = PREDICT_SCHEME_257; /* nothing that is signed depends on it */
	if (!r->in.banks)
		r->in.banks = (1u << PCR_N_BANKS) - 1;
	r->nvpcr.opens_volume = r->n_volumes;
	rc = take_volumes(r, e);
	return rc < 0 ? rc : load(r->uki, &r->in.uki, e);
}

/* ---- results ---- */

#define UNKNOWN "machine-specific"

struct line {
	unsigned pcr;
	const char *phase; /* NULL: the same in all */
	const struct pcr *value;
	const char *unknown; /* why it cannot be told; else NULL */
};

enum { MAX_LINES = 5 + MAX_PHASES };

static size_t list_lines(const struct request *r, const struct prediction *p,
			 const struct pcr phases[], struct line ret[static MAX_LINES])
{
	size_t n = 0;

	ret[n++] = (struct line){ 4, NULL, &p->boot_loader, NULL };
	ret[n++] = (struct line){ 9, NULL, &p->kernel_initrd, p->kernel_initrd_unknown };
	for (size_t i = 0; i < r->n_phases; i++)
		ret[n++] = (struct line){ 11, r->phases[i], &phases[i],
					  strstr(r->phases[i], "leave-initrd") ?
						  p->handover_unknown : NULL };
	ret[n++] = (struct line){ 12, NULL, &p->kernel_config, p->kernel_config_unknown };
	ret[n++] = (struct line){ 13, NULL, &p->sysexts, p->sysexts_unknown };
	/* The host measures into it, too. */
	ret[n++] = (struct line){ 15, "enter-initrd:leave-initrd", &r->volume_keys,
				  r->unknown_volume ? "the key of a volume is not known" : NULL };
	return n;
}

static void print_line(const struct line *l, size_t bank)
{
	char value[PCR_MAX_TEXT];

	printf("%s\t%u\t%s\t%s\n", pcr_bank_name(bank), l->pcr,
	       l->unknown ? UNKNOWN : pcr_format(l->value, bank, value),
	       l->phase ? l->phase : "");
}

static void print_object(const struct line *l, size_t bank, bool first)
{
	char value[PCR_MAX_TEXT];

	printf("%s\n {\"bank\":\"%s\",\"pcr\":%u,", first ? "" : ",", pcr_bank_name(bank), l->pcr);
	if (l->phase)
		printf("\"phase\":\"%s\",", l->phase);
	if (l->unknown)
		printf("\"value\":null,\"reason\":\"%s\"}", l->unknown);
	else
		printf("\"value\":\"%s\"}", pcr_format(l->value, bank, value));
}

static void print_nvpcrs(const struct predict_nvpcrs *all, bool json)
{
	char value[PCR_MAX_TEXT];

	if (all->why.code)
		fprintf(stderr, "slipway-mkinitrd: NvPCRs will be skipped: %s\n", all->why.what);
	for (size_t i = 0; i < all->n && !json; i++)
		if (all->at[i].unknown)
			printf("# NvPCR '%s': %s\n", all->at[i].name, all->at[i].unknown);
	for (size_t i = 0; i < all->n; i++) {
		const char *name = all->at[i].name, *unknown = all->at[i].unknown;

		pcr_format(&all->at[i].value, 1, value);
		if (json)
			printf(",\n {\"bank\":\"sha256\",\"nvpcr\":\"%s\",\"nv_index\":%u,\"value\":", name,
			       (unsigned)all->at[i].index);
		if (json && unknown)
			printf("null,\"reason\":\"%s\"}", unknown);
		else if (json)
			printf("\"%s\"}", value);
		else
			printf("sha256\t0x%x\t%s\t%s\n", (unsigned)all->at[i].index,
			       unknown ? UNKNOWN : value, name);
	}
}

static int print_values(const struct request *r, const struct prediction *p,
			const struct pcr phases[], const struct predict_nvpcrs *nvpcrs,
			struct err *e)
{
	struct line lines[MAX_LINES];
	size_t n = list_lines(r, p, phases, lines);
	bool first = true;

	fputs(r->json ? "[" : "# bank\tPCR\tvalue\tphases\n", stdout);
	for (size_t i = 0; i < n && !r->json; i++)
		if (lines[i].unknown && (i == 0 || !lines[i - 1].unknown ||
					 lines[i].pcr != lines[i - 1].pcr))
			printf("# PCR %u: %s\n", lines[i].pcr, lines[i].unknown);
	for (size_t bank = 0; bank < PCR_N_BANKS; bank++)
		for (size_t i = 0; i < n && r->in.banks & 1u << bank; i++) {
			if (r->json)
				print_object(&lines[i], bank, first);
			else
				print_line(&lines[i], bank);
			first = false;
		}
	print_nvpcrs(nvpcrs, r->json);
	fputs(r->json ? "\n]\n" : "", stdout);
	return fflush(stdout) == 0 ? 0 : err_set(e, ERR_SYSTEM, errno, "print the values");
}

/* The key must be the one that secrets are sealed to: what the caller says, and what the UKI
 * brings to the booted system. */
static int load_key(const struct request *r, struct pcrsig_key **ret, struct err *e)
{
	SCOPED(mem_free) char *pem = NULL;
	struct bytes carried;
	size_t n = 0;
	int rc = pcrsig_key_load(r->key, ret, e);

	if (rc == 0 && r->public_key)
		rc = file_read(AT_FDCWD, r->public_key, MAX_FILE_BYTES, &pem, &n, e);
	if (rc == 0 && r->public_key)
		rc = pcrsig_key_matches(*ret, (struct bytes){ (const uint8_t *)pem, n },
					r->public_key, e);
	if (rc == 0)
		rc = predict_section(r->in.uki, ".pcrpkey", &carried, e);
	if (rc > 0)
		rc = pcrsig_key_matches(*ret, carried, "the section .pcrpkey of the UKI", e);
	return rc;
}

/* What the initrd's own phase is signed for, it may also begin NvPCRs by; nobody else may. */
static int print_signatures(const struct request *r, struct pcrsig_key *key,
			    const struct pcr phases[], struct err *e)
{
	struct pcrsig_value values[MAX_PHASES];

	for (size_t i = 0; i < r->n_phases; i++)
		values[i] = (struct pcrsig_value){
			.pcr = phases[i],
			.ref = strcmp(r->phases[i], "enter-initrd") == 0 ? "initrd" : NULL,
		};
	return pcrsig_print(stdout, key, values, r->n_phases, e);
}

static int run(struct request *r, struct err *e)
{
	SCOPED(pcrsig_key_drop) struct pcrsig_key *key = NULL;
	SCOPED(predict_initrd_done) struct predict_initrd initrd = { 0 };
	SCOPED(progress_end) struct progress *progress = progress_begin();
	struct predict_nvpcrs nvpcrs = { .n = 0 };
	struct prediction p;
	struct pcr phases[MAX_PHASES];
	int rc;

	progress_step(progress, "computing digests");
	predict_initrd_open(r->in.uki, &initrd);
	rc = predict(&r->in, &initrd, &p, e);
	if (rc < 0)
		return err_in(e, "'%s'", r->uki);
	if (p.scheme == PREDICT_SCHEME_261)
		rc = predict_nvpcrs(&r->nvpcr, r->in.uki, &initrd, &p, &nvpcrs, e);
	for (size_t i = 0; i < r->n_phases && rc == 0; i++)
		rc = predict_phase(&p, r->phases[i], &phases[i], e);
	if (rc == 0 && !r->key)
		return print_values(r, &p, phases, &nvpcrs, e);
	if (rc == 0)
		rc = load_key(r, &key, e);
	return rc == 0 ? print_signatures(r, key, phases, e) : rc;
}

int verb_predict(int argc, char **argv)
{
	SCOPED(request_done) struct request r = { 0 };
	struct err e = { 0 };
	int rc = parse(argc, argv, &r, &e);

	if (rc < 0)
		return e.code == ERR_CONFIG ? verb_misused(&e, "predict") : verb_failed(&e);
	if (r.help)
		return fputs(help, stdout) < 0 ? STATUS_FAILED : STATUS_OK;
	return run(&r, &e) < 0 ? verb_failed(&e) : STATUS_OK;
}
