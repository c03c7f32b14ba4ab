/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* asprintf */
#include "mkinitrd/plan.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hooks/point.h"
#include "init/core/cleanup.h"
#include "mkinitrd/certificate.h"
#include "mkinitrd/closure.h"
#include "mkinitrd/debug.h"
#include "mkinitrd/hook.h"
#include "mkinitrd/kernels.h"
#include "mkinitrd/profile.h"
#include "mkinitrd/source.h"
#include "mkinitrd/staging.h"
#include "modules/inputs/config.h"
#include "modules/tpm/nvpcr.h"
#include "modules/trust/policy.h"

static const char default_os_release[] =
	"ID=slipway\n"
	"NAME=slipway\n"
	"PRETTY_NAME=\"slipway initrd " SLIPWAY_VERSION "\"\n"
	"VERSION_ID=" SLIPWAY_VERSION "\n";

static const char *const mount_points[] = { "dev", "proc", "run", "sys", "sysroot" };

static int add_frame(struct initrd *i, const char *init, struct err *e)
{
	int rc = initrd_add_file(i, "init", init, true, "the init program", e);

	for (size_t n = 0; n < sizeof(mount_points) / sizeof(*mount_points) && rc == 0; n++)
		rc = initrd_add_folder(i, mount_points[n], "mount point", e);
	/* The kernel opens it for init before there is a devtmpfs. */
	if (rc == 0)
		rc = initrd_add_console(i, "dev/console", "first messages", e);
	if (rc == 0)
		rc = initrd_add_folder(i, "usr/lib", "what extensions are laid over", e);
	return rc == 0 ? initrd_add_link(i, "lib", "usr/lib", "libkmod looks here", e) : rc;
}

static bool has_id(const char *text)
{
	return strncmp(text, "ID=", 3) == 0 || strstr(text, "\nID=");
}

/* Its existence tells systemd's tools that they are in an initrd, and extensions
 * are matched against it. */
static int add_identity(struct initrd *i, const char *source, bool debug, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	SCOPED(mem_free) char *whole = NULL;
	size_t n;
	int rc = 0;

	if (source)
		rc = source_read(source, 65536, &text, &n, e);
	if (rc < 0)
		return rc;
	if (text && (strlen(text) != n || !has_id(text)))
		return err_set(e, ERR_CONFIG, 0,
			       "'%.200s' is no os-release file: it has no ID=", source);
	if (asprintf(&whole, "%s%s%s", text ? text : default_os_release, debug ? "\n" : "",
		     debug ? debug_os_release : "") < 0) {
		whole = NULL;
		return err_set(e, ERR_MEMORY, 0, "no memory for initrd-release");
	}
	rc = initrd_add_text(i, "etc/initrd-release", whole,
			     source ? "--os-release" : "default identity", e);
	if (rc == 0)
		rc = initrd_add_link(i, "etc/os-release", "initrd-release", "identity", e);
	return rc;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int add_modprobe_config(struct initrd *i, const char *source, struct err *e)
{
	const char *name = base_name(source);
	size_t n = strlen(name);
	char path[PATH_MAX];

	if (n <= 5 || strcmp(name + n - 5, ".conf") != 0)
		return err_set(e, ERR_CONFIG, 0,
			       "--modprobe-conf '%.200s' must end in .conf to be read",
			       source);
	snprintf(path, sizeof(path), "usr/lib/modprobe.d/%s", name);
	return initrd_add_file(i, path, source, false, "--modprobe-conf", e);
}

/* The last colon divides: a source may contain some, a place in the initrd need not. */
static int add_include(struct initrd *i, const char *word, struct err *e)
{
	const char *colon = strrchr(word, ':');
	char source[PATH_MAX];

	if (!colon || colon == word || colon[1] != '/' || colon - word >= PATH_MAX)
		return err_set(e, ERR_CONFIG, 0, "--include '%.200s' is not SOURCE:/DESTINATION",
			       word);
	snprintf(source, sizeof(source), "%.*s", (int)(colon - word), word);
	return initrd_add_tree(i, colon + 1, source, "--include", e);
}

static int conflict(const char *source, struct err *e)
{
	return err_set(e, ERR_CONFIG, 0,
		       "--policy and the image-policy= in '%.200s' say two things; drop "
		       "one of them",
		       source);
}

/* What PID 1 would refuse must not get so far. */
static int check_config(const char *source, const char *text, size_t n, const char *policy,
			struct config *ret, struct err *e)
{
	struct policy floor;
	int rc = config_parse(text, n, ret, e);

	if (rc < 0 || !*ret->image_policy)
		return rc;
	return policy ? conflict(source, e) : policy_parse(ret->image_policy, &floor, e);
}

static int add_config(struct initrd *i, const char *source, const char *policy, struct config *ret,
		      struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	SCOPED(mem_free) char *whole = NULL;
	size_t n = 0;
	int rc = 0;

	if (source)
		rc = source_read(source, CONFIG_MAX_BYTES, &text, &n, e);
	if (rc == 0 && text)
		rc = check_config(source, text, n, policy, ret, e);
	if (rc < 0)
		return rc;
	if (!policy)
		return initrd_add_text(i, "etc/slipway.conf", text, "--conf", e);
	if (asprintf(&whole, "%s%simage-policy=%s\n", text ? text : "",
		     n && text[n - 1] != '\n' ? "\n" : "", policy) < 0) {
		whole = NULL;
		return err_set(e, ERR_MEMORY, 0, "no memory for slipway.conf");
	}
	rc = check_config("--policy", whole, strlen(whole), NULL, ret, e);
	return rc == 0 ? initrd_add_text(i, "etc/slipway.conf", whole,
					 source ? "--conf and --policy" : "--policy", e)
		       : rc;
}

/* What the host defines, the initrd has to begin: the host itself is too late for that. What PID 1
 * would refuse must not get so far. */
static int add_nvpcrs(struct initrd *i, const char *sysroot, struct err *e)
{
	static const char *const folders[] = { "etc/nvpcr", "usr/local/lib/nvpcr", "usr/lib/nvpcr" };
	struct nvpcrs all;
	char path[PATH_MAX];
	int rc = nvpcrs_load(sysroot, &all, e);

	for (size_t k = 0; k < sizeof(folders) / sizeof(*folders) && rc == 0; k++) {
		snprintf(path, sizeof(path), "%s/%s", sysroot, folders[k]);
		if (access(path, F_OK) == 0)
			rc = initrd_add_tree(i, folders[k], path, "pcr-scheme=261", e);
	}
	return rc;
}

static size_t count_of_point(const struct words *hooks, const char *like)
{
	size_t n_point = strcspn(like, ":"), n = 0;

	for (size_t i = 0; i < hooks->n; i++)
		n += strcspn(hooks->v[i], ":") == n_point && memcmp(hooks->v[i], like, n_point) == 0;
	return n;
}

static int add_hooks(struct initrd *i, const struct build_options *o, bool scripts, struct err *e)
{
	int rc = 0;

	if (o->busybox)
		rc = hook_add_busybox(i, o->busybox, scripts, e);
	for (size_t n = 0; n < o->hooks.n && rc == 0; n++)
		if (count_of_point(&o->hooks, o->hooks.v[n]) > HOOKS_MAX)
			return err_set(e, ERR_CONFIG, 0, "--hook '%.100s': init takes at most %d hooks a point",
				       o->hooks.v[n], HOOKS_MAX);
	for (size_t n = 0; n < o->hooks.n && rc == 0; n++)
		rc = hook_add(i, o->hooks.v[n], scripts, e);
	return rc;
}

static int add_given_files(struct initrd *i, const struct build_options *o, struct err *e)
{
	struct config config = CONFIG_DEFAULTS;
	int rc = 0;

	if (o->conf || o->policy)
		rc = add_config(i, o->conf, o->policy, &config, e);
	if (rc == 0 && config.os_separator)
		rc = add_nvpcrs(i, o->sysroot, e);
	for (size_t n = 0; n < o->certificates.n && rc == 0; n++)
		rc = certificate_add(i, o->certificates.v[n], e);
	for (size_t n = 0; n < o->modprobe_configs.n && rc == 0; n++)
		rc = add_modprobe_config(i, o->modprobe_configs.v[n], e);
	for (size_t n = 0; n < o->includes.n && rc == 0; n++)
		rc = add_include(i, o->includes.v[n], e);
	if (rc == 0)
		rc = add_hooks(i, o, config.hook_scripts, e);
	return rc < 0 ? rc : debug_add(i, o->debug_shell, o->init, &config, e);
}

static int exclude_modules(struct closure *c, const struct words *modules, struct err *e)
{
	int rc = 0;

	for (size_t n = 0; n < modules->n && rc == 0; n++)
		if (modules->v[n][0] == '-')
			rc = closure_exclude(c, modules->v[n] + 1, e);
	return rc;
}

/* A row that is missed is a warning: the image may be for other things than a boot. */
static int want_row(struct closure *c, const struct profile_row *row, const char *why,
		    struct err *e)
{
	int rc;

	if (row->mark == PROFILE_REACH)
		return closure_want_in(c, profile_reach, row->name, why, e);
	rc = closure_want(c, row->name, row->mark == PROFILE_MISSED, why, e);
	if (rc >= 0 || row->mark != PROFILE_MISSED || e->errnum)
		return rc;
	fprintf(stderr, "slipway-mkinitrd: %s needs '%s', which this kernel does not have\n", why,
		row->name);
	return 0;
}

/* What init-luks asks for, and the CPU's own code for it. */
static const struct profile_row luks_rows[] = {
	{ "dm-crypt", PROFILE_MISSED }, { "aes_generic", PROFILE_SOFT }, { "ecb", PROFILE_MISSED },
	{ "xts", PROFILE_MISSED },      { "crypto-aes", PROFILE_SOFT },
};

static int want_modules(struct closure *c, const struct build_options *o, struct err *e)
{
	SCOPED(profile_done) struct profile p = { 0 };
	int rc = profile_open(o->profile, &p, e);

	if (rc == 0)
		rc = exclude_modules(c, &o->modules, e);
	for (size_t n = 0; n < o->modules.n && rc == 0; n++) {
		const char *word = o->modules.v[n];

		if (*word != '-')
			rc = closure_want(c, word + (*word == '+'), true, "--modules", e);
	}
	for (size_t n = 0; n < p.n && rc == 0; n++)
		rc = want_row(c, &p.rows[n], p.why, e);
	for (size_t n = 0; o->luks && n < sizeof(luks_rows) / sizeof(*luks_rows) && rc == 0; n++)
		rc = want_row(c, &luks_rows[n], "--luks", e);
	return rc;
}

static int add_modules(struct initrd *i, const struct build_options *o, const char *version,
		       struct progress *p, struct err *e)
{
	static const char *const no_configs[] = { NULL };
	const char *const *configs = (const char *const *)o->modprobe_configs.v;
	struct staging_job job = { version, o->firmware, o->sysroot, o->verbose, p };
	SCOPED(closure_done) struct closure c = { 0 };
	char folder[PATH_MAX];
	int rc = kernel_folder(o->sysroot, version, folder, e);

	progress_step(p, "choosing modules of %s", version);
	if (rc == 0)
		rc = closure_open(folder, configs ? configs : no_configs, o->verbose, &c, e);
	if (rc == 0)
		rc = want_modules(&c, o, e);
	return rc == 0 ? staging_add_modules(i, &c, &job, e) : rc;
}

static bool wants_modules(const struct build_options *o)
{
	if (strcmp(o->profile, "none") != 0 || o->luks)
		return true;
	for (size_t n = 0; n < o->modules.n; n++)
		if (o->modules.v[n][0] != '-')
			return true;
	return false;
}

int plan_kernel(struct build_options *o, struct err *e)
{
	if (o->kernels.n || !wants_modules(o))
		return 0;
	return kernels_add_only(o->sysroot, &o->kernels, e);
}

int plan_initrd(const struct build_options *o, struct progress *p, struct initrd *ret,
		struct err *e)
{
	SCOPED(initrd_done) struct initrd i = { 0 };
	bool luks = o->luks && strcmp(o->init, OPTIONS_INIT) == 0;
	int rc = add_frame(&i, luks ? OPTIONS_INIT_LUKS : o->init, e);

	if (rc == 0)
		rc = add_identity(&i, o->os_release, o->debug_shell, e);
	if (rc == 0)
		rc = add_given_files(&i, o, e);
	for (size_t n = 0; n < o->kernels.n && rc == 0 && wants_modules(o); n++)
		rc = add_modules(&i, o, o->kernels.v[n], p, e);
	if (rc < 0)
		return rc;
	initrd_sort(&i);
	*ret = i;
	i = (struct initrd){ 0 };
	return 0;
}
