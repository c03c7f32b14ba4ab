/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The judges, then what they are asked about first: extensions of the initrd. */
#include "init/stages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "init/core/log.h"
#include "modules/extension/esp.h"
#include "modules/verity/others.h"

/* ---- trust ---- */

/* The keyring comes with dm_verity, and only since Linux 7.0: older kernels load it beside
 * what follows. */
static int seal_kernel(struct boot *b, struct err *e)
{
	struct utsname u;
	struct err why;

	if (uname(&u) == 0 && atoi(u.release) >= 7 && kernel_require(b->kernel, "dm_verity", &why) < 0)
		log_info("%s", why.what);
	return anchors_seal_kernel(b->anchors, e);
}

/* Whoever will be asked why it still boots should not have to guess. */
static void tell_expired(const struct expired *x)
{
	for (size_t i = 0; i < x->n; i++)
		log_info("certificate '%s' expired on %s by the machine's clock, which nobody "
			 "vouches for: it counts all the same",
			 x->all[i].path, x->all[i].valid_to);
}

int stage_trust(struct boot *b, struct err *e)
{
	const char *asked = *b->options.image_policy ? b->options.image_policy : "*";
	enum policy_designator d = verity_policy(boot_designator(b));
	bool has_certificates;
	struct policy floor;
	int rc = anchors_load("", &b->config.denied_certificates, &b->anchors, e);

	if (rc >= 0) {
		tell_expired(anchors_expired(b->anchors));
		rc = seal_kernel(b, e);
	}
	has_certificates = anchors_count(b->anchors) > 0;
	if (rc >= 0)
		rc = policy_floor(b->config.image_policy, d, has_certificates, b->options.has_state, &floor, e);
	if (rc >= 0 && policy_parse(asked, &b->policy, e) < 0)
		rc = err_in(e, "systemd.image_policy=");
	if (rc >= 0 && *b->options.image_policy && policy_is_weak(&b->policy, &floor, d))
		log_warning("'systemd.image_policy=%.60s' is weak: it accepts a %s without a "
			    "signature; this initrd does not, but the host may",
			    b->options.image_policy, dps_name(boot_designator(b)));
	if (rc >= 0)
		rc = policy_narrow(&b->policy, &floor, e);
	if (rc >= 0 && filter_parse(b->options.image_filter, &b->filter, e) < 0)
		rc = err_in(e, "systemd.image_filter=");
	if (rc >= 0)
		record_trust(b->record, b->anchors,
			     policy_floor_text(b->config.image_policy, d, has_certificates));
	return rc;
}

void undo_trust(struct boot *b)
{
	anchors_free(b->anchors);
	b->anchors = NULL;
}

/* ---- extend ---- */

/* What extensions are made of; absent ones show when an extension needs them. */
static void load_extension_drivers(struct boot *b)
{
	static const char *const names[] = { "loop", "dm_mod", "dm_verity", "overlay", "erofs", "squashfs" };
	struct err why;

	kernel_want(b->kernel, names, sizeof(names) / sizeof(*names));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (kernel_require(b->kernel, names[i], &why) < 0)
			log_info("%s", why.what);
}

/* Are there any of this class, and may they be merged? */
static bool wants_extensions(enum extension_class_id id, bool sysroot, bool allowed)
{
	const struct extension_class *class = &extension_classes[id];

	if (!extensions_present(class, sysroot))
		return false;
	if (!allowed)
		log_info("%ssystemd.%s=no: %ss are not merged", sysroot ? "" : "rd.", class->name,
			 class->long_name);
	return allowed;
}

static struct extension_request make_request(const struct boot *b, bool sysroot)
{
	return (struct extension_request){
		.sysroot = sysroot,
		.usr_only = b->options.has_state,
		.anchors = b->anchors,
		.denied_root_hashes = &b->config.denied_root_hashes,
		.secure_boot = b->firmware.secure_boot,
		.allow_user_space = b->options.allow_user_space,
		.hooks = b->config.hook_extensions && !sysroot,
	};
}

static int merge_extensions(struct boot *b, bool sysroot, bool sysext, bool confext,
			    struct extensions **ret, struct err *e)
{
	struct extension_request request = make_request(b, sysroot);

	request.wanted[SYSEXT] = wants_extensions(SYSEXT, sysroot, sysext);
	request.wanted[CONFEXT] = wants_extensions(CONFEXT, sysroot, confext);
	if (!request.wanted[SYSEXT] && !request.wanted[CONFEXT])
		return 0;
	load_extension_drivers(b);
	return extensions_merge(&request, ret, e);
}

static const struct extension_verdict *verdict_of(const struct extensions *x, const char *name)
{
	const struct extension_verdict *found = NULL;

	/* Of a system and a configuration extension of one name the merged one counts. */
	for (size_t i = 0; x && i < extensions_count(x); i++) {
		const struct extension_verdict *v = extensions_verdict(x, i);

		if (strcmp(v->name, name) == 0 && (!found || v->merged))
			found = v;
	}
	return found;
}

/* A word of the command line that leaves extensions out does not loosen this. */
static int check_required(const struct boot *b, struct err *e)
{
	const char *name = b->config.required_extensions;

	for (size_t i = 0; i < b->config.n_required_extensions; i++, name += strlen(name) + 1) {
		const struct extension_verdict *v = verdict_of(b->extensions, name);

		if (!v || !v->merged)
			return err_set(e, ERR_EXTENSION_MISSING, 0,
				       "slipway.conf requires extension '%s': %s", name,
				       v ? v->why : "there is none of that name");
	}
	return 0;
}

int stage_extend(struct boot *b, struct err *e)
{
	int rc = copy_from_esp(b, e);

	if (rc >= 0)
		rc = merge_extensions(b, false, b->options.sysext, b->options.confext, &b->extensions, e);
	if (b->config.n_esp_folders)
		esp_forget(ESP_COPIES);
	if (rc >= 0 && b->extensions)
		record_extensions(b->record, b->extensions);
	if (rc >= 0)
		rc = check_required(b, e);
	if (rc < 0 || !b->extensions)
		return rc;
	rc = measure_from_esp(b, e);
	if (rc >= 0)
		rc = kernel_reload(b->kernel, e);
	if (rc >= 0)
		want_modules(b);
	return rc;
}

int end_extensions(struct boot *b, struct err *e)
{
	int rc;

	if (!b->extensions)
		return 0;
	/* Its module lists are mapped from the merged tree, which then stays in use. */
	undo_kernel(b);
	rc = extensions_undo(b->extensions, e);
	b->extensions = NULL;
	return rc;
}

void undo_extend(struct boot *b)
{
	struct err e;

	if (end_extensions(b, &e) < 0)
		log_warning("%s", e.what);
}

/* ---- extend-root ---- */

/* What is wrong with the ESP is worth no boot; what was proven is handed over all the same. */
static int hand_over_extensions(struct boot *b, struct err *e)
{
	struct extension_request request = make_request(b, true);
	struct err why;
	int rc;

	if (copy_for_host(b, &why) < 0) {
		log_warning("no extensions for the host from the ESP: %s", why.what);
		return 0;
	}
	request.host = true;
	request.wanted[SYSEXT] = b->options.host_sysext;
	request.wanted[CONFEXT] = b->options.host_confext;
	load_extension_drivers(b);
	rc = extensions_merge(&request, &b->host_extensions, e);
	esp_forget(HOST_COPIES);
	if (rc >= 0 && extensions_count(b->host_extensions))
		record_extensions(b->record, b->host_extensions);
	return rc;
}

int stage_extend_root(struct boot *b, struct err *e)
{
	const struct options *o = &b->options;
	int rc = 0;

	if (b->config.root_extensions)
		rc = merge_extensions(b, true, o->host_sysext, o->host_confext, &b->root_extensions, e);
	if (rc >= 0 && b->root_extensions)
		record_extensions(b->record, b->root_extensions);
	if (rc >= 0 && b->config.n_host_folders)
		rc = hand_over_extensions(b, e);
	return rc;
}

void keep_root_extensions(struct boot *b)
{
	if (b->root_extensions)
		extensions_keep(b->root_extensions);
	if (b->host_extensions)
		extensions_keep(b->host_extensions);
	b->root_extensions = b->host_extensions = NULL;
}

void undo_extend_root(struct boot *b)
{
	struct err e;

	if (b->host_extensions && extensions_undo(b->host_extensions, &e) < 0)
		log_warning("%s", e.what);
	if (b->root_extensions && extensions_undo(b->root_extensions, &e) < 0)
		log_warning("%s", e.what);
	b->root_extensions = b->host_extensions = NULL;
}
