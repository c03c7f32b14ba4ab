/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The image by itself: whole, and acceptable to the init in it. */
#include "mkinitrd/verify.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <libkmod.h>
#include <mbedtls/sha256.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "mkinitrd/elf.h"
#include "mkinitrd/pe.h"
#include "modules/inputs/cmdline.h"
#include "modules/inputs/manifest.h"
#include "modules/verity/others.h"

enum { MAX_WRONG = 8 }; /* entries that are named before the rest is counted */

int verify_open(const char *path, struct verify *ret, struct err *e)
{
	int rc;

	*ret = (struct verify){ .config = CONFIG_DEFAULTS, .options = OPTIONS_DEFAULTS };
	ret->progress = progress_begin();
	progress_step(ret->progress, "unpacking '%s'", path);
	rc = image_open(path, &ret->image, e);
	return rc < 0 ? rc : scratch_make(&ret->scratch, e);
}

void verify_done(struct verify *v)
{
	if (v->kmod)
		kmod_unref(v->kmod);
	anchors_free(v->anchors);
	scratch_remove(&v->scratch);
	progress_end(&v->progress);
	image_done(&v->image);
}

/* ---- the manifest ---- */

static bool has_contents(uint32_t mode)
{
	return S_ISREG(mode) || S_ISLNK(mode);
}

/* Why the entry is not the one of the manifest, or NULL. */
static const char *difference(const struct manifest_entry *m, const struct archive_entry *a)
{
	uint8_t hash[32];

	if (!a)
		return "is missing";
	if (a->mode != m->mode)
		return "has another type or mode";
	if (!has_contents(m->mode))
		return a->major != m->major || a->minor != m->minor ? "is another device" : NULL;
	if (a->data.n != m->bytes)
		return "has another size";
	if (m->has_digest && (mbedtls_sha256(a->data.p, a->data.n, hash, 0) != 0 ||
			      memcmp(hash, m->sha256, sizeof(hash)) != 0))
		return "has other contents";
	return NULL;
}

/* Of several entries with one name the last one counts. */
static size_t count_paths(const struct image *i)
{
	size_t n = 0;

	for (size_t k = 0; k < i->archive.n; k++)
		n += image_find(i, i->archive.entries[k].path) == &i->archive.entries[k];
	return n;
}

static int compare(struct verify *v, const struct archive_entry *list, size_t *ret_n,
		   size_t *ret_wrong, struct err *e)
{
	SCOPED(mem_free) struct manifest_entry *entry = malloc(sizeof(*entry));
	struct manifest m;
	int rc;

	if (!entry)
		return err_set(e, ERR_MEMORY, 0, "no memory for the manifest");
	rc = manifest_begin((const char *)list->data.p, list->data.n, &m, e);
	while (rc == 0 && (rc = manifest_next(&m, entry, e)) == 1) {
		const char *why = difference(entry, image_find(&v->image, entry->path));

		++*ret_n;
		rc = 0;
		if (why && ++*ret_wrong <= MAX_WRONG)
			report_add(&v->report, VERDICT_FAIL, entry->path,
				   "%s, says " MANIFEST_PATH "; build the image again", why);
	}
	return rc;
}

static void check_manifest(struct verify *v)
{
	const struct archive_entry *list = image_find(&v->image, MANIFEST_PATH);
	size_t n = 0, wrong = 0, n_paths;
	struct err e = { 0 };

	if (!list) {
		report_add(&v->report, VERDICT_NOTE, MANIFEST_PATH,
			   "is not there, so nothing tells whether the image is whole");
		return;
	}
	if (compare(v, list, &n, &wrong, &e) < 0) {
		report_error(&v->report, MANIFEST_PATH, &e);
		return;
	}
	n_paths = count_paths(&v->image);
	if (wrong > MAX_WRONG)
		report_add(&v->report, VERDICT_FAIL, MANIFEST_PATH, "%zu more entries differ",
			   wrong - MAX_WRONG);
	if (!wrong)
		report_add(&v->report, VERDICT_OK, MANIFEST_PATH,
			   "all %zu entries are there with their sizes and digests", n);
	if (!wrong && n_paths > n + 1)
		report_add(&v->report, VERDICT_NOTE, MANIFEST_PATH,
			   "does not list %zu of the image's entries, which were added later",
			   n_paths - n - 1);
}

/* ---- the program ---- */

static void check_init(struct verify *v)
{
	const struct archive_entry *init = image_find(&v->image, "/init");
	const char *why = NULL;

	if (!init)
		why = "is not there";
	else if (!S_ISREG(init->mode))
		why = "is no regular file";
	else if (!(init->mode & 0100))
		why = "cannot be executed";
	else
		why = elf_objection(init->data);
	if (why)
		report_add(&v->report, VERDICT_FAIL, "/init",
			   "%s, so the kernel cannot start it; build the image again", why);
	else
		report_add(&v->report, VERDICT_OK, "/init", "is a static program of %zu bytes",
			   init->data.n);
}

/* ---- what it was told ---- */

static void check_config(struct verify *v)
{
	static const char path[] = "/etc/slipway.conf";
	const struct archive_entry *conf = image_find(&v->image, path);
	struct err e = { 0 };

	if (!conf)
		report_add(&v->report, VERDICT_OK, path, "is not there: the defaults hold");
	else if (conf->data.n > CONFIG_MAX_BYTES)
		report_add(&v->report, VERDICT_FAIL, path, "has more than %d bytes; shorten it",
			   CONFIG_MAX_BYTES);
	else if (config_parse((const char *)conf->data.p, conf->data.n, &v->config, &e) < 0)
		report_error(&v->report, path, &e);
	else
		report_add(&v->report, VERDICT_OK, path, "is understood");
}

static int parse_cmdline(struct verify *v, struct bytes text, struct err *e)
{
	SCOPED(cmdline_done) struct cmdline words = { 0 };
	int rc = cmdline_parse((const char *)text.p, text.n, &words, e);

	/* What is not for init. */
	for (size_t i = 0; rc >= 0 && i < words.n_words; i++) {
		const char *key = words.words[i].key, *value = words.words[i].value;

		if (option_is(key, "dm_verity.require_signatures"))
			cmdline_boolean(value, &v->kernel_decides);
		else if (option_is(key, "lockdown") && value)
			lockdown_parse(value, &v->lockdown);
	}
	return rc < 0 ? rc : options_parse(&words, &v->options, e);
}

static void check_cmdline(struct verify *v, const char *given)
{
	struct bytes text = { (const uint8_t *)given, given ? strlen(given) : 0 };
	struct err e = { 0 };
	int rc = given ? 1 : 0;

	if (!given && v->image.uki.n)
		rc = pe_section(v->image.uki, ".cmdline", &text, &e);
	if (rc == 0)
		report_add(&v->report, VERDICT_SKIP, "command line",
			   "is not known; where it matters, give it with --cmdline");
	else if (rc < 0 || parse_cmdline(v, text, &e) < 0)
		report_error(&v->report, "command line", &e);
	else
		report_add(&v->report, VERDICT_OK, "command line", "is understood");
}

/* ---- what it demands of the machine ---- */

static void check_demands(struct verify *v)
{
	const char *wanted = lockdown_name(v->config.lockdown);

	if (*v->config.debug_key)
		report_add(&v->report, VERDICT_NOTE, "debug image",
			   "after a failure, whoever has the key gets a shell; for no machine in the field");
	if (v->config.secure_boot_required)
		report_add(&v->report, VERDICT_NOTE, "secure-boot=required",
			   "boots only where the firmware enforces Secure Boot, which cannot be seen here");
	if (v->config.lockdown == LOCKDOWN_NONE)
		return;
	if (v->lockdown >= v->config.lockdown)
		report_add(&v->report, VERDICT_OK, "lockdown=",
			   "'%s' is demanded, and the command line asks the kernel for '%s'", wanted,
			   lockdown_name(v->lockdown));
	else
		report_add(&v->report, VERDICT_NOTE, "lockdown=",
			   "boots only if the kernel is at '%s', which cannot be seen here: some are where "
			   "Secure Boot is enforced, others need lockdown=%s on the command line",
			   wanted, wanted);
}

/* ---- files for those that read nothing else ---- */

static bool is_clean(const char *path)
{
	for (size_t n; *path; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		if (n == 0 || (n <= 2 && strncmp(path, "..", n) == 0))
			return false;
	}
	return true;
}

static bool is_wanted(const char *path)
{
	return strncmp(path, "usr/lib/modules/", 16) == 0 || strstr(path, "/verity.d/");
}

/* A link among the certificates is there to mask one: an empty file does that, too. */
static int stage(const struct verify *v, const struct archive_entry *a, struct err *e)
{
	const char *name = archive_path(a);
	char path[PATH_MAX], *slash;
	int rc;

	if (!is_wanted(name) || !is_clean(name) || image_find(&v->image, name) != a)
		return 0;
	if (!S_ISREG(a->mode) && !(S_ISLNK(a->mode) && a->data.n == 9 &&
				   memcmp(a->data.p, "/dev/null", 9) == 0))
		return 0;
	if (snprintf(path, sizeof(path), "%s/%s", v->scratch.path, name) >= PATH_MAX)
		return err_set(e, ERR_SYSTEM, 0, "the path '%.100s' is too long", name);
	slash = strrchr(path, '/');
	*slash = '\0';
	rc = make_dirs(path, 0700, e);
	*slash = '/';
	return rc < 0 ? rc : file_write(path, 0600, a->data.p, S_ISREG(a->mode) ? a->data.n : 0, e);
}

static void note_version(struct verify *v, const struct archive_entry *a)
{
	const char *name = archive_path(a);
	size_t n;

	if (strncmp(name, "usr/lib/modules/", 16) != 0 || !S_ISDIR(a->mode))
		return;
	name += 16;
	n = strlen(name);
	if (!n || n >= KERNEL_VERSION_BYTES || strchr(name, '/') || strcmp(name, "..") == 0 ||
	    v->n_versions == VERIFY_MAX_VERSIONS || image_find(&v->image, a->path) != a)
		return;
	memcpy(v->versions[v->n_versions++], name, n + 1);
}

static void stage_all(struct verify *v)
{
	struct err e = { 0 };
	int rc = 0;

	for (size_t k = 0; k < v->image.archive.n && rc == 0; k++) {
		const struct archive_entry *a = &v->image.archive.entries[k];

		note_version(v, a);
		rc = stage(v, a, &e);
	}
	if (rc < 0)
		report_error(&v->report, "modules and certificates", &e);
}

/* ---- whom it trusts ---- */

/* A person knows the paths of the image, not those of our folder. */
static void forget_scratch(const struct verify *v, char *text)
{
	size_t n = strlen(v->scratch.path);

	for (char *at; (at = strstr(text, v->scratch.path));)
		memmove(at, at + n, strlen(at + n) + 1);
}

static void note_expired(struct verify *v, const struct expired *x)
{
	for (size_t i = 0; i < x->n; i++)
		report_add(&v->report, VERDICT_NOTE, x->all[i].path + strlen(v->scratch.path),
			   "expired on %s by this machine's clock, and counts all the same, as an initrd "
			   "has no clock to trust; deny-certificate=%s withdraws it",
			   x->all[i].valid_to, x->all[i].fingerprint);
}

static void check_certificates(struct verify *v)
{
	struct err e = { 0 };
	size_t n;

	if (anchors_load(v->scratch.path, &v->config.denied_certificates, &v->anchors, &e) < 0) {
		forget_scratch(v, e.what);
		report_error(&v->report, "certificates", &e);
		return;
	}
	n = anchors_count(v->anchors);
	if (n)
		report_add(&v->report, VERDICT_OK, "certificates", "%zu can be used", n);
	else
		report_add(&v->report, VERDICT_NOTE, "certificates",
			   "there are none: without image-policy= a root hash on the command line is enough, or a "
			   "signature by a key that the kernel trusts");
	note_expired(v, anchors_expired(v->anchors));
}

enum designator verify_designator(const struct verify *v)
{
	return v->options.has_usr ? DPS_USR : DPS_ROOT;
}

/* As the stage trust does it. */
static int read_policy(struct verify *v, bool has_certificates, struct err *e)
{
	const char *asked = *v->options.image_policy ? v->options.image_policy : "*";
	enum policy_designator d = verity_policy(verify_designator(v));
	struct policy floor, policy;
	int rc = policy_floor(v->config.image_policy, d, has_certificates, v->options.has_state, &floor, e);

	if (rc < 0)
		return rc;
	if (policy_parse(asked, &policy, e) < 0)
		return err_in(e, "systemd.image_policy=");
	if (*v->options.image_policy && policy_is_weak(&policy, &floor, d))
		report_add(&v->report, VERDICT_NOTE, "image policy",
			   "'%.60s' is weak: it accepts a %s without a signature; this image does "
			   "not, but the host may",
			   v->options.image_policy, policy_designator_name(d));
	if (policy_narrow(&policy, &floor, e) < 0)
		return -(int)e->code;
	v->policy = policy;
	return 0;
}

static void check_policy(struct verify *v)
{
	bool has_certificates = anchors_count(v->anchors) > 0;
	const char *floor = policy_floor_text(v->config.image_policy, verity_policy(verify_designator(v)),
					      has_certificates);
	struct err e = { 0 };

	if (read_policy(v, has_certificates, &e) < 0)
		report_error(&v->report, "image policy", &e);
	else
		report_add(&v->report, VERDICT_OK, "image policy", "is '%s'%s%s", floor,
			   *v->options.image_policy ? ", narrowed by " : "", v->options.image_policy);
}

void verify_image(struct verify *v, const char *cmdline)
{
	struct err e = { 0 };

	check_manifest(v);
	check_init(v);
	check_config(v);
	check_cmdline(v, cmdline);
	check_demands(v);
	stage_all(v);
	check_certificates(v);
	check_policy(v);
	if (filter_parse(v->options.image_filter, &v->filter, &e) < 0)
		report_error(&v->report, "systemd.image_filter=", &e);
}

void verify_warnings(struct verify *v)
{
	const char *warning;

	for (size_t i = 0; (warning = log_warning_at(i)); i++) {
		char text[512];

		snprintf(text, sizeof(text), "%s", warning);
		forget_scratch(v, text);
		report_add(&v->report, VERDICT_NOTE, "the boot would warn", "%s", text);
	}
}
