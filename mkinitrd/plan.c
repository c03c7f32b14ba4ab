/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/plan.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "mkinitrd/certificate.h"
#include "mkinitrd/closure.h"
#include "mkinitrd/profile.h"
#include "mkinitrd/staging.h"
#include "modules/inputs/config.h"
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
static int add_identity(struct initrd *i, const char *source, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	size_t n;
	int rc = 0;

	if (source)
		rc = file_read(AT_FDCWD, source, 65536, &text, &n, e);
	if (rc < 0)
		return rc;
	if (text && (strlen(text) != n || !has_id(text)))
		return err_set(e, ERR_CONFIG, 0,
			       "'%.200s' is no os-release file: it has no ID=", source);
	rc = initrd_add_text(i, "etc/initrd-release", text ? text : default_os_release,
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

/* What PID 1 would refuse must not get so far. */
static int add_config(struct initrd *i, const char *source, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	struct policy floor;
	struct config config;
	size_t n;
	int rc = file_read(AT_FDCWD, source, CONFIG_MAX_BYTES, &text, &n, e);

	if (rc == 0)
		rc = config_parse(text, n, &config, e);
	if (rc == 0 && *config.image_policy)
		rc = policy_parse(config.image_policy, &floor, e);
	if (rc == 0)
		rc = initrd_add_text(i, "etc/slipway.conf", text, "--conf", e);
	return rc < 0 ? err_in(e, "--conf '%.200s'", source) : 0;
}

static int add_given_files(struct initrd *i, const struct build_options *o, struct err *e)
{
	int rc = 0;

	if (o->conf)
		rc = add_config(i, o->conf, e);
	for (size_t n = 0; n < o->certificates.n && rc == 0; n++)
		rc = certificate_add(i, o->certificates.v[n], e);
	for (size_t n = 0; n < o->modprobe_configs.n && rc == 0; n++)
		rc = add_modprobe_config(i, o->modprobe_configs.v[n], e);
	for (size_t n = 0; n < o->includes.n && rc == 0; n++)
		rc = add_include(i, o->includes.v[n], e);
	return rc;
}

static int find_module_folder(const struct build_options *o, char ret[static PATH_MAX],
			      struct err *e)
{
	static const char *const places[] = { "usr/lib/modules", "lib/modules" };

	for (size_t n = 0; n < sizeof(places) / sizeof(*places); n++)
		if (snprintf(ret, PATH_MAX, "%s/%s/%s", o->sysroot, places[n], o->kernel_version) <
			    PATH_MAX &&
		    access(ret, F_OK) == 0)
			return 0;
	return err_set(e, ERR_MODULES, 0,
		       "'%.160s/usr/lib/modules' and '/lib/modules' there have no '%.64s'; correct "
		       "--sysroot or --kernel-version, or use --profile=none",
		       o->sysroot, o->kernel_version);
}

static int want_modules(struct closure *c, const struct build_options *o, struct err *e)
{
	const char *const *names = profile_modules(o->profile);
	int rc = 0;

	for (size_t n = 0; n < o->modules.n && rc == 0; n++)
		rc = closure_want(c, o->modules.v[n], true, "--modules", e);
	for (; *names && rc == 0; names++)
		rc = closure_want(c, *names, false, profile_why(o->profile), e);
	return rc;
}

static int add_modules(struct initrd *i, const struct build_options *o, struct err *e)
{
	static const char *const no_configs[] = { NULL };
	SCOPED(closure_done) struct closure c = { 0 };
	char folder[PATH_MAX];
	int rc;

	if (o->profile == PROFILE_NONE && o->modules.n == 0)
		return 0;
	rc = find_module_folder(o, folder, e);
	if (rc == 0)
		rc = closure_open(folder,
				  o->modprobe_configs.n ? o->modprobe_configs.v : no_configs,
				  o->verbose, &c, e);
	if (rc == 0)
		rc = want_modules(&c, o, e);
	return rc == 0 ? staging_add_modules(i, &c, o->kernel_version, e) : rc;
}

int plan_initrd(const struct build_options *o, struct initrd *ret, struct err *e)
{
	SCOPED(initrd_done) struct initrd i = { 0 };
	int rc = add_frame(&i, o->init, e);

	if (rc == 0)
		rc = add_identity(&i, o->os_release, e);
	if (rc == 0)
		rc = add_given_files(&i, o, e);
	if (rc == 0)
		rc = add_modules(&i, o, e);
	if (rc < 0)
		return rc;
	initrd_sort(&i);
	*ret = i;
	i = (struct initrd){ 0 };
	return 0;
}
