/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel: is it the one that the image has modules for, and does it have what is needed? */
#include "mkinitrd/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <libkmod.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "mkinitrd/bzimage.h"
#include "mkinitrd/pe.h"

static void list_free(struct kmod_list **list)
{
	kmod_module_unref_list(*list);
}

static void info_free(struct kmod_list **list)
{
	kmod_module_info_free_list(*list);
}

static void module_free(struct kmod_module **m)
{
	kmod_module_unref(*m);
}

/* ---- one driver ---- */

enum place { PLACE_NONE, PLACE_TORN, PLACE_KERNEL, PLACE_IMAGE };

/* libkmod has no other way to say that a file is missing which a module depends on. */
static void note_complaint(void *complained, int priority, const char *file, int line, const char *fn,
			   const char *format, va_list args)
{
	(void)priority, (void)file, (void)line, (void)fn, (void)format, (void)args;
	*(bool *)complained = true;
}

/* Opens the indexes of the modules for this kernel. */
static int use_modules(struct verify *v, const char *version, struct err *e)
{
	static const char *const no_configs[] = { NULL };
	char folder[PATH_MAX];
	int rc;

	if (v->kmod)
		kmod_unref(v->kmod);
	snprintf(folder, sizeof(folder), "%s/usr/lib/modules/%s", v->scratch.path, version);
	v->kmod = kmod_new(folder, no_configs);
	if (v->kmod)
		kmod_set_log_fn(v->kmod, note_complaint, &v->kmod_complained);
	rc = v->kmod ? kmod_load_resources(v->kmod) : -ENOMEM;
	if (rc >= 0)
		return 0;
	if (v->kmod)
		kmod_unref(v->kmod);
	v->kmod = NULL;
	return err_set(e, ERR_MODULES, -rc,
		       "there are no indexes (modules.*.bin) that can be read; build the image again");
}

/* Is the file of the module in the image, and all that it depends on? */
static bool is_whole(struct verify *v, struct kmod_module *m)
{
	SCOPED(list_free) struct kmod_list *needs = NULL;
	const char *path = kmod_module_get_path(m);
	const struct kmod_list *at;
	bool whole = path && access(path, R_OK) == 0;

	v->kmod_complained = false;
	needs = kmod_module_get_dependencies(m);
	kmod_list_foreach(at, needs) {
		SCOPED(module_free) struct kmod_module *need = kmod_module_get_module(at);

		path = kmod_module_get_path(need);
		whole = whole && path && access(path, R_OK) == 0;
	}
	return whole && !v->kmod_complained;
}

/* An alias may stand for several; any will do. */
static enum place find(struct verify *v, const char *name)
{
	SCOPED(list_free) struct kmod_list *found = NULL;
	SCOPED(list_free) struct kmod_list *loadable = NULL;
	const struct kmod_list *at;

	if (kmod_module_new_from_lookup(v->kmod, name, &found) < 0 || !found ||
	    kmod_module_apply_filter(v->kmod, KMOD_FILTER_BUILTIN, found, &loadable) < 0)
		return PLACE_NONE;
	if (!loadable)
		return PLACE_KERNEL;
	kmod_list_foreach(at, loadable) {
		SCOPED(module_free) struct kmod_module *m = kmod_module_get_module(at);

		if (is_whole(v, m))
			return PLACE_IMAGE;
	}
	return PLACE_TORN;
}

bool verify_driver(struct verify *v, const char *name, enum verdict if_missing, const char *what_for,
		   bool quiet)
{
	char object[80];
	enum place place;

	if (!v->kmod)
		return true;
	place = find(v, name);
	snprintf(object, sizeof(object), "driver %s", name);
	if (place == PLACE_TORN)
		report_add(&v->report, if_missing, object,
			   "the index of modules has it, and its file or one that it needs is not in the "
			   "image; build that again");
	else if (place == PLACE_NONE)
		report_add(&v->report, if_missing, object,
			   "is neither in the image nor built into the kernel; %s needs it: add it with "
			   "--modules",
			   what_for);
	else if (!quiet)
		report_add(&v->report, VERDICT_OK, object, "%s",
			   place == PLACE_KERNEL ? "is built into the kernel" : "is in the image");
	return place >= PLACE_KERNEL;
}

/* ---- all of them ---- */

/* One of these is enough, as far as can be told without the machine. */
static void check_any(struct verify *v, const char *object, const char *const names[],
		      enum verdict if_missing, const char *what_for)
{
	for (; *names; names++) {
		enum place place = find(v, *names);

		if (place < PLACE_KERNEL)
			continue;
		report_add(&v->report, VERDICT_OK, object, "'%s' is %s", *names,
			   place == PLACE_KERNEL ? "built into the kernel" : "in the image");
		return;
	}
	report_add(&v->report, if_missing, object, "there is none; %s", what_for);
}

/* The option CONFIG_DM_VERITY_VERIFY_ROOTHASH_SIG brings this parameter. 1, 0, or -1 if it
 * is not known. */
static int checks_signatures(struct verify *v)
{
	SCOPED(list_free) struct kmod_list *found = NULL;
	SCOPED(info_free) struct kmod_list *info = NULL;
	const struct kmod_list *at;
	int rc = kmod_module_new_from_lookup(v->kmod, "dm-verity", &found);

	if (rc < 0 || !found)
		return -1;
	SCOPED(module_free) struct kmod_module *m = kmod_module_get_module(found);

	if (!kmod_module_get_path(m) || kmod_module_get_info(m, &info) < 0)
		return -1;
	kmod_list_foreach(at, info) {
		const char *key = kmod_module_info_get_key(at), *value = kmod_module_info_get_value(at);

		if (strcmp(key, "parm") == 0 && strncmp(value, "require_signatures:", 19) == 0)
			return 1;
	}
	return 0;
}

static void check_signing(struct verify *v)
{
	bool ours = anchors_count(v->anchors) && v->options.allow_user_space;
	int can = checks_signatures(v);

	if (can < 0)
		report_add(&v->report, VERDICT_NOTE, "signatures",
			   "whether the kernel checks them itself is unknown: dm-verity is built in");
	else if (can)
		report_add(&v->report, VERDICT_OK, "signatures",
			   "the kernel can check them itself (dm-verity has require_signatures)");
	else
		report_add(&v->report, ours || v->options.root_hash_bytes ? VERDICT_NOTE : VERDICT_FAIL,
			   "signatures", "the kernel does not check them itself%s",
			   ours ? ": the image's certificates decide" :
				  ", and user space cannot: add --cert to the image");
}

static void check_drivers(struct verify *v)
{
	static const char *const filesystems[] = { "erofs", "squashfs", "ext4", "btrfs", "xfs",
						   "f2fs",  "vfat",	NULL };
	static const char *const tpms[] = { "tpm_crb", "tpm_tis", "tpm_tis_spi", "tpm_crb_ffa", NULL };
	enum verdict extras = v->wants_extensions ? VERDICT_FAIL : VERDICT_NOTE;
	bool overlay = v->options.volatile_mode == VOLATILE_OVERLAY;

	if (verify_driver(v, "dm-verity", VERDICT_FAIL, "the proof of the root", false))
		check_signing(v);
	check_any(v, "file systems", filesystems, VERDICT_FAIL,
		  "no root could be mounted: add one with --modules");
	verify_driver(v, "efivarfs", v->image.uki.n ? VERDICT_FAIL : VERDICT_NOTE,
		      "what the stub says, such as the disk to boot from,", false);
	verify_driver(v, "qemu_fw_cfg", VERDICT_NOTE,
		      "what QEMU's fw_cfg has of credentials, if the stub hands over others,", true);
	verify_driver(v, "loop", extras, "a system extension", false);
	verify_driver(v, "overlay", overlay ? VERDICT_FAIL : extras,
		      overlay ? "systemd.volatile=overlay" : "a system extension", false);
	check_any(v, "TPM drivers", tpms, v->config.tpm == TPM_REQUIRED ? VERDICT_FAIL : VERDICT_NOTE,
		  "a machine whose firmware announces a TPM would not boot: add tpm_crb and tpm_tis");
}

static void check_modules(struct verify *v, const char *version)
{
	struct err e = { 0 };
	char object[KERNEL_VERSION_BYTES + 16];

	snprintf(object, sizeof(object), "modules of %s", version);
	if (use_modules(v, version, &e) < 0) {
		report_error(&v->report, object, &e);
		return;
	}
	report_add(&v->report, VERDICT_OK, object, "their indexes can be read");
	check_drivers(v);
}

/* ---- the kernel's file ---- */

static bool has_version(const struct verify *v, const char *version)
{
	for (size_t i = 0; i < v->n_versions; i++)
		if (strcmp(v->versions[i], version) == 0)
			return true;
	return false;
}

static void check_version(struct verify *v, const char *object, struct bytes kernel)
{
	char version[KERNEL_VERSION_BYTES], all[256] = "";
	size_t used = 0;

	if (!bzimage_version(kernel, version)) {
		report_add(&v->report, VERDICT_SKIP, object,
			   "is no bzImage, so its version is not known, nor which modules it takes");
		return;
	}
	if (has_version(v, version)) {
		report_add(&v->report, VERDICT_OK, object, "is %s, for which the image has modules",
			   version);
		check_modules(v, version);
		return;
	}
	for (size_t i = 0; i < v->n_versions && used < sizeof(all); i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, " %s", v->versions[i]);
	if (v->n_versions)
		report_add(&v->report, VERDICT_FAIL, object,
			   "is %s, and the image has modules for%s: build it with --kernel-version=%s",
			   version, all, version);
	else
		report_add(&v->report, VERDICT_NOTE, object,
			   "is %s, and the image has no modules: all drivers must be built in", version);
}

static void check_kernel(struct verify *v, const char *object, struct bytes kernel)
{
	struct err e = { 0 };
	struct pe pe;

	if (pe_parse(kernel.p, kernel.n, &pe, &e) == 0)
		report_add(&v->report, VERDICT_OK, object, "has an EFI stub");
	else
		report_add(&v->report, VERDICT_FAIL, object,
			   "no EFI stub that firmware could start (%s): take a kernel with "
			   "CONFIG_EFI_STUB",
			   e.what);
	check_version(v, object, kernel);
}

static void check_all_versions(struct verify *v)
{
	report_add(&v->report, VERDICT_SKIP, "kernel", "none is given; --kernel names one");
	for (size_t i = 0; i < v->n_versions; i++)
		check_modules(v, v->versions[i]);
}

void verify_kernel(struct verify *v, const char *path)
{
	SCOPED(mem_free) char *file = NULL;
	struct bytes kernel = { 0 };
	struct err e = { 0 };
	int rc = 0;

	if (path) {
		rc = file_read(AT_FDCWD, path, IMAGE_MAX_BYTES, &file, &kernel.n, &e);
		kernel.p = (const uint8_t *)file;
	} else if (v->image.uki.n) {
		rc = pe_section(v->image.uki, ".linux", &kernel, &e);
	}
	if (rc < 0)
		report_error(&v->report, path ? path : "kernel", &e);
	else if (kernel.p)
		check_kernel(v, path ? path : "kernel", kernel);
	else
		check_all_versions(v);
}
