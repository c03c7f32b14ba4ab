/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/predict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "mkinitrd/pe.h"
#include "mkinitrd/stub_cmdline.h"
#include "modules/inputs/cmdline.h"

enum {
	MIN_STUB = 257,
	STUB_HAS_GLOBAL_EXTENSIONS = 258,
	STUB_STARTS_KERNEL = 258, /* and no longer the firmware, which measures what it loads */
	STUB_LOOKS_AT_MACHINE = 261, /* its secret and its console come into PCR 9 */
	MAX_STUB = 262,
	MAX_INITRD_PARTS = 2 * (STUB_N_FOLDERS + 3), /* and what fills up to four bytes */
};

/* In the order of PCR 11. The signatures over it (".pcrsig") cannot be in it. */
static const char *const measured_sections[] = {
	".linux", ".osrel", ".cmdline", ".initrd", ".ucode",   ".splash",
	".dtb",   ".uname", ".sbat",    ".pcrpkey", ".profile",
};

/* Sections that the initrd has as files in /.extra, in their order. */
static const struct extra {
	const char *section, *name;
} extras[] = {
	{ ".pcrsig", "tpm2-pcr-signature.json" },
	{ ".pcrpkey", "tpm2-pcr-public-key.pem" },
	{ ".osrel", "os-release" },
	{ ".profile", "profile" },
};

const char *const predict_phases[PREDICT_N_PHASES] = {
	"-",
	"enter-initrd",
	"enter-initrd:leave-initrd",
	"enter-initrd:leave-initrd:sysinit",
	"enter-initrd:leave-initrd:sysinit:ready",
};

#define N_OF(a) (sizeof(a) / sizeof(*(a)))

/* What is measured into PCR 12 and 13, and what the kernel gets of it. */
struct boot_parts {
	struct pe uki;
	int stub; /* its version */
	struct buffer archives[STUB_N_FOLDERS];
	struct buffer extras;          /* archives of single files, one behind the other */
	struct buffer addons_cmdline, smbios_cmdline, cmdline; /* texts without a NUL */
};

static void boot_parts_done(struct boot_parts *b)
{
	for (size_t i = 0; i < N_OF(b->archives); i++)
		buffer_done(&b->archives[i]);
	buffer_done(&b->extras);
	buffer_done(&b->addons_cmdline);
	buffer_done(&b->smbios_cmdline);
	buffer_done(&b->cmdline);
}

/* 1 and the bytes, or 0 if there is no such section; an empty one counts as none. */
static int section_of(const struct pe *pe, const char *name, struct bytes *ret, struct err *e)
{
	const struct pe_section *s = pe_find_default(pe, name);
	int rc;

	*ret = (struct bytes){ 0 };
	if (!s || !s->virtual_bytes)
		return 0;
	rc = pe_content(pe, s, ret, e);
	return rc < 0 ? rc : 1;
}

/* ".sdmagic" says "#### LoaderInfo: systemd-stub 257.13 ####". */
static int check_stub(struct boot_parts *b, struct prediction *ret, struct err *e)
{
	char text[96];
	struct bytes magic;
	int rc = section_of(&b->uki, ".sdmagic", &magic, e);

	if (rc < 0)
		return rc;
	snprintf(text, sizeof(text), "%.*s", (int)(magic.n < 95 ? magic.n : 95),
		 rc ? (const char *)magic.p : "");
	if (sscanf(text, "#### LoaderInfo: systemd-stub %31s", ret->stub) != 1)
		return err_set(e, ERR_UNSUPPORTED, 0, "its stub is not systemd-stub");
	b->stub = atoi(ret->stub);
	if (b->stub < MIN_STUB || b->stub > MAX_STUB)
		return err_set(e, ERR_UNSUPPORTED, 0,
			       "its systemd-stub is version %s; what %d to %d measure is known", ret->stub,
			       MIN_STUB, MAX_STUB);
	return 0;
}

static int check_uki(struct boot_parts *b, struct prediction *ret, struct err *e)
{
	const struct pe *pe = &b->uki;
	static const char *const needed[] = { ".linux", ".initrd", ".cmdline" };
	static const char *const by_machine[] = { ".dtbauto", ".efifw", ".hwids" };
	struct bytes content;

	for (size_t i = 0; i < N_OF(needed); i++) {
		int rc = section_of(pe, needed[i], &content, e);

		if (rc < 0)
			return rc;
		if (rc == 0)
			return err_set(e, ERR_CONFIG, 0, "it is no UKI that can be predicted: it has no %s",
				       needed[i]);
	}
	for (size_t i = 0; i < N_OF(by_machine); i++)
		if (pe_find(pe, by_machine[i]))
			return err_set(e, ERR_UNSUPPORTED, 0,
				       "its section %s leaves a choice to the machine, so nothing can be predicted",
				       by_machine[i]);
	return check_stub(b, ret, e);
}

static struct bytes bytes_of(const struct buffer *b)
{
	return (struct bytes){ (const uint8_t *)b->p, b->n };
}

/* ---- PCR 4, and what the addons say ---- */

static int extend_image(struct pcr *pcr, const struct pe *pe, struct err *e)
{
	struct bytes ranges[PE_MAX_RANGES];
	size_t n = pe_authenticode(pe, ranges);

	return pcr_extend(pcr, ranges, n, e);
}

static int take_addon(const struct stub_file *file, struct boot_parts *b, struct prediction *ret,
		      struct err *e)
{
	static const char *const others[] = { ".linux", ".initrd", ".ucode", ".dtb", ".dtbauto",
					      ".hwids", ".efifw", ".uname" };
	size_t before = b->addons_cmdline.n;
	struct bytes cmdline = { 0 };
	struct pe pe;
	int rc = pe_parse(file->content.p, file->content.n, &pe, e);

	for (size_t i = 0; rc == 0 && i < N_OF(others); i++)
		if (pe_find(&pe, others[i]))
			rc = err_set(e, ERR_UNSUPPORTED, 0,
				     "it has the section %s; addons with .cmdline alone are understood",
				     others[i]);
	if (rc == 0)
		rc = section_of(&pe, ".cmdline", &cmdline, e);
	if (rc > 0) {
		rc = stub_cmdline_join(&b->addons_cmdline, cmdline, "it", e);
		/* Only between others would it leave a second space. */
		if (rc == 0 && b->addons_cmdline.n == before)
			rc = err_set(e, ERR_UNSUPPORTED, 0, "its .cmdline is blank; leave it out");
	}
	if (rc == 0)
		rc = extend_image(&ret->boot_loader, &pe, e);
	return rc < 0 ? err_in(e, "addon '%s'", file->name) : 0;
}

static int extend_kernel(const struct boot_parts *b, struct pcr *pcr, struct err *e)
{
	struct bytes kernel;
	struct pe pe;
	int rc = section_of(&b->uki, ".linux", &kernel, e);

	if (rc > 0)
		rc = pe_parse(kernel.p, kernel.n, &pe, e);
	return rc < 0 ? err_in(e, "its kernel") : extend_image(pcr, &pe, e);
}

static int predict_boot_loader(struct predict_input *in, struct boot_parts *b,
			       struct prediction *ret, struct err *e)
{
	static const uint8_t separator[4];
	int rc = pcr_extend_text(&ret->boot_loader, "Calling EFI Application from Boot Option", e);

	if (rc == 0)
		rc = pcr_extend(&ret->boot_loader, &(struct bytes){ separator, 4 }, 1, e);
	if (rc == 0)
		rc = extend_image(&ret->boot_loader, &b->uki, e);
	for (enum companion c = COMPANION_GLOBAL_ADDON; rc == 0 && c <= COMPANION_ADDON; c++) {
		rc = stub_sort(in->beside[c].files, in->beside[c].n, ".addon.efi", NULL, e);
		for (size_t i = 0; i < in->beside[c].n && rc == 0; i++)
			rc = take_addon(&in->beside[c].files[i], b, ret, e);
	}
	/* Under Secure Boot the stub has to keep the firmware from looking at it. */
	if (rc == 0 && in->no_secure_boot && b->stub < STUB_STARTS_KERNEL)
		rc = extend_kernel(b, &ret->boot_loader, e);
	return rc;
}

/* ---- PCR 11, 12, 13 ---- */

static int predict_image(const struct boot_parts *b, struct pcr *image, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < N_OF(measured_sections) && rc >= 0; i++) {
		const char *name = measured_sections[i];
		struct bytes content;

		rc = section_of(&b->uki, name, &content, e);
		if (rc <= 0)
			continue;
		rc = pcr_extend(image, &(struct bytes){ (const uint8_t *)name, strlen(name) + 1 }, 1,
				e);
		if (rc == 0)
			rc = pcr_extend(image, &content, 1, e);
	}
	return rc < 0 ? rc : 0;
}

int predict_phase(const struct prediction *p, const char *path, struct pcr *ret, struct err *e)
{
	struct pcr pcr = p->kernel_image;
	int rc = 0;

	for (const char *word = path; word && strcmp(path, "-") != 0 && rc == 0;) {
		size_t n = strcspn(word, ":");

		rc = pcr_extend(&pcr, &(struct bytes){ (const uint8_t *)word, n }, 1, e);
		word = word[n] ? word + n + 1 : NULL;
	}
	if (rc == 0)
		*ret = pcr;
	return rc;
}

static int archive_all(struct predict_input *in, struct boot_parts *b, struct err *e)
{
	static const struct {
		enum stub_folder folder;
		enum companion companion;
	} all[] = {
		{ STUB_CREDENTIALS, COMPANION_CREDENTIAL },
		{ STUB_GLOBAL_CREDENTIALS, COMPANION_GLOBAL_CREDENTIAL },
		{ STUB_CONFEXT, COMPANION_CONFEXT },
		{ STUB_GLOBAL_CONFEXT, COMPANION_GLOBAL_CONFEXT },
		{ STUB_SYSEXT, COMPANION_SYSEXT },
		{ STUB_GLOBAL_SYSEXT, COMPANION_GLOBAL_SYSEXT },
	};
	int rc = 0;

	if (b->stub < STUB_HAS_GLOBAL_EXTENSIONS &&
	    in->beside[COMPANION_GLOBAL_CONFEXT].n + in->beside[COMPANION_GLOBAL_SYSEXT].n)
		return err_set(e, ERR_CONFIG, 0,
			       "its systemd-stub is version %d and takes nothing from /loader/extensions; "
			       "that begins with %d",
			       b->stub, STUB_HAS_GLOBAL_EXTENSIONS);
	for (size_t i = 0; i < N_OF(all) && rc == 0; i++) {
		const struct stub_list *l = &in->beside[all[i].companion];

		rc = stub_cpio_folder(all[i].folder, l->files, l->n, &b->archives[all[i].folder], e);
	}
	for (size_t i = 0; i < N_OF(extras) && rc >= 0; i++) {
		struct bytes content;

		rc = section_of(&b->uki, extras[i].section, &content, e);
		if (rc > 0)
			rc = stub_cpio_file(extras[i].name, content, &b->extras, e);
	}
	return rc < 0 ? rc : 0;
}

static int extend_archive(struct pcr *pcr, const struct buffer *archive, struct err *e)
{
	return archive->n ? pcr_extend(pcr, &(struct bytes){ (const uint8_t *)archive->p, archive->n },
				       1, e) :
			    0;
}

static int predict_config(struct boot_parts *b, struct prediction *ret, struct err *e)
{
	int rc = 0;

	if (b->addons_cmdline.n)
		rc = stub_cmdline_measure(&ret->kernel_config, &b->addons_cmdline, e);
	if (rc == 0 && b->smbios_cmdline.n)
		rc = stub_cmdline_measure(&ret->kernel_config, &b->smbios_cmdline, e);
	for (enum stub_folder f = 0; f < STUB_N_FOLDERS && rc == 0; f++)
		rc = extend_archive(f < STUB_SYSEXT ? &ret->kernel_config : &ret->sysexts,
				    &b->archives[f], e);
	return rc;
}

/* ---- PCR 9: what the kernel's own EFI stub measures ---- */

struct initrd_parts {
	struct bytes at[MAX_INITRD_PARTS];
	size_t n;
};

/* Each begins at a multiple of four bytes. */
static void add_part(struct initrd_parts *all, struct bytes part)
{
	static const uint8_t zeros[4];

	if (!part.n)
		return;
	all->at[all->n++] = part;
	if (part.n % 4)
		all->at[all->n++] = (struct bytes){ zeros, 4 - part.n % 4 };
}

static int extend_initrd(struct pcr *pcr, const struct boot_parts *b, struct err *e)
{
	static const enum stub_folder order[STUB_N_FOLDERS] = {
		STUB_CREDENTIALS,   STUB_GLOBAL_CREDENTIALS, STUB_SYSEXT,
		STUB_GLOBAL_SYSEXT, STUB_CONFEXT,            STUB_GLOBAL_CONFEXT,
	};
	struct initrd_parts all = { 0 };
	struct bytes microcode, initrd;
	int rc = section_of(&b->uki, ".ucode", &microcode, e);

	if (rc >= 0)
		rc = section_of(&b->uki, ".initrd", &initrd, e);
	if (rc < 0)
		return rc;
	add_part(&all, microcode);
	add_part(&all, initrd);
	for (size_t i = 0; i < N_OF(order); i++)
		add_part(&all, bytes_of(&b->archives[order[i]]));
	add_part(&all, bytes_of(&b->extras));
	return pcr_extend(pcr, all.at, all.n, e);
}

/* init measures what it hands over to, unless that is systemd or /sbin/init. */
static int check_handover(const struct buffer *cmdline, struct prediction *ret, struct err *e)
{
	SCOPED(cmdline_done) struct cmdline words = { 0 };
	const char *path = NULL;
	int rc = cmdline->n ? cmdline_parse(cmdline->p, cmdline->n, &words, e) : 0;

	for (size_t i = 0; rc == 0 && i < words.n_words; i++)
		if (strcmp(words.words[i].key, "init") == 0)
			path = words.words[i].value;
	if (path && strcmp(path, "/sbin/init") != 0 && strcmp(path, "/usr/lib/systemd/systemd") != 0)
		ret->handover_unknown = "the root decides what the init= of the command line is";
	return rc;
}

/* Why nobody can tell what the kernel measures of this command line and initrd, or NULL. */
static const char *by_machine(const struct predict_input *in, const struct boot_parts *b)
{
	if (b->stub < STUB_LOOKS_AT_MACHINE)
		return NULL;
	if (!stub_cmdline_has_console(&b->cmdline))
		return "where the command line has no console=, this stub adds the machine's";
	if (!in->no_boot_secret)
		return "this stub adds a secret of the machine to the initrd; see --no-boot-secret";
	return NULL;
}

static int predict_kernel(const struct predict_input *in, struct boot_parts *b,
			  struct prediction *ret, struct err *e)
{
	struct bytes cmdline;
	int rc = section_of(&b->uki, ".cmdline", &cmdline, e);

	if (rc >= 0)
		rc = stub_cmdline_join(&b->cmdline, cmdline, "the UKI", e);
	if (rc == 0)
		rc = stub_cmdline_join(&b->cmdline, bytes_of(&b->addons_cmdline), "the addons", e);
	if (rc == 0)
		rc = stub_cmdline_join(&b->cmdline, bytes_of(&b->smbios_cmdline), "SMBIOS", e);
	if (rc == 0)
		rc = check_handover(&b->cmdline, ret, e);
	if (rc < 0)
		return rc;
	ret->kernel_initrd_unknown = by_machine(in, b);
	if (ret->kernel_initrd_unknown)
		return 0;
	rc = stub_cmdline_measure(&ret->kernel_initrd, &b->cmdline, e);
	return rc == 0 ? extend_initrd(&ret->kernel_initrd, b, e) : rc;
}

static int take_smbios(const struct predict_input *in, struct boot_parts *b, struct err *e)
{
	const char *text = in->smbios_cmdline ? in->smbios_cmdline : "";

	return stub_cmdline_join(&b->smbios_cmdline,
				 (struct bytes){ (const uint8_t *)text, strlen(text) }, "SMBIOS", e);
}

/* Behind all that others measure. */
static int separate(struct prediction *p, struct err *e)
{
	struct pcr *const pcrs[] = { &p->boot_loader, &p->kernel_initrd, &p->kernel_config,
				     &p->sysexts };
	int rc = 0;

	for (size_t i = 0; i < N_OF(pcrs) && rc == 0; i++)
		if (pcrs[i] != &p->kernel_initrd || !p->kernel_initrd_unknown)
			rc = pcr_extend_text(pcrs[i], "os-separator", e);
	return rc;
}

/* An initrd that cannot be read counts as one that adds nothing: the caller knows the scheme. */
static int take_settings(const struct predict_input *in, const struct predict_initrd *i,
			 struct prediction *ret, struct err *e)
{
	if (i->why.code && in->scheme == PREDICT_SCHEME_OF_INITRD)
		return err_set(e, i->why.code, i->why.errnum,
			       "its initrd does not tell the pcr-scheme, which --pcr-scheme can: %s",
			       i->why.what);
	ret->scheme = in->scheme;
	if (ret->scheme == PREDICT_SCHEME_OF_INITRD)
		ret->scheme = i->config.os_separator ? PREDICT_SCHEME_261 : PREDICT_SCHEME_257;
	if (i->config.n_esp_folders && !in->esp.told)
		ret->kernel_config_unknown = ret->sysexts_unknown =
			"slipway.conf has esp-extensions=, and what init merges of those it measures; "
			"see --esp-extension";
	else if (i->config.n_host_folders && !in->host.told)
		ret->kernel_config_unknown = ret->sysexts_unknown =
			"slipway.conf has host-extensions=, and what init hands over of those it "
			"measures; see --host-extension";
	if (!i->config.n_host_folders && in->host.n)
		return err_set(e, ERR_CONFIG, 0,
			       "init hands over no extension: its slipway.conf has no host-extensions=");
	if (!i->config.n_esp_folders && in->esp.n)
		return err_set(e, ERR_CONFIG, 0,
			       "init looks for no extension on the ESP: its slipway.conf has no "
			       "esp-extensions=; those that a stub hands over are --sysext and --confext");
	return 0;
}

/* What init measures there, in its order. Those of a failed boot are not foreseen: neither is their
 * PCR 11. */
static int predict_init(struct predict_input *in, const struct predict_initrd *initrd,
			struct prediction *p, struct err *e)
{
	int rc = predict_hooks(initrd, POINT_ENTERED, POINT_ENTERED, &p->sysexts, e);

	if (rc >= 0)
		rc = predict_extensions(&in->esp, false, SYSEXT, &p->sysexts, e);
	if (rc == 0)
		rc = predict_extensions(&in->esp, false, CONFEXT, &p->kernel_config, e);
	if (rc == 0)
		rc = predict_hooks(initrd, POINT_EXTENDED, POINT_CHECKED, &p->sysexts, e);
	if (rc > 0 && !p->sysexts_unknown)
		p->sysexts_unknown = "slipway.conf has hook-extensions=, and their hooks are measured, too";
	if (rc >= 0)
		rc = predict_extensions(&in->host, true, SYSEXT, &p->sysexts, e);
	return rc < 0 ? rc : predict_extensions(&in->host, true, CONFEXT, &p->kernel_config, e);
}

int predict(struct predict_input *in, const struct predict_initrd *initrd, struct prediction *ret,
	    struct err *e)
{
	SCOPED(boot_parts_done) struct boot_parts b = { 0 };
	const struct pcr start = { .banks = in->banks };
	struct prediction p = { .boot_loader = start,
				.kernel_initrd = start,
				.kernel_image = start,
				.kernel_config = start,
				.sysexts = start };
	int rc = pe_parse(in->uki.p, in->uki.n, &b.uki, e);

	if (rc == 0)
		rc = check_uki(&b, &p, e);
	if (rc == 0)
		rc = take_settings(in, initrd, &p, e);
	if (rc == 0)
		rc = take_smbios(in, &b, e);
	if (rc == 0)
		rc = predict_boot_loader(in, &b, &p, e);
	if (rc == 0)
		rc = archive_all(in, &b, e);
	if (rc == 0)
		rc = predict_image(&b, &p.kernel_image, e);
	if (rc == 0)
		rc = predict_config(&b, &p, e);
	if (rc == 0)
		rc = predict_kernel(in, &b, &p, e);
	if (rc == 0 && p.scheme == PREDICT_SCHEME_261)
		rc = separate(&p, e);
	if (rc == 0)
		rc = predict_init(in, initrd, &p, e);
	if (rc < 0)
		return rc;
	*ret = p;
	return 0;
}

int predict_section(struct bytes uki, const char *name, struct bytes *ret, struct err *e)
{
	struct pe pe;
	int rc = pe_parse(uki.p, uki.n, &pe, e);

	return rc < 0 ? rc : section_of(&pe, name, ret, e);
}
