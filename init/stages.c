/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/stages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/clock.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/handover/handover.h"
#include "modules/inputs/extra.h"

#define SYSROOT "/sysroot"
#define CONFIG "/etc/slipway.conf"

enum { CONFIG_MAX_BYTES = 64 * 1024 };

uint64_t boot_device_deadline(const struct boot *b)
{
	unsigned s = b->options.timeout_s ? b->options.timeout_s : b->config.timeout_s;

	return now_ms() + (uint64_t)s * 1000;
}

int boot_measure(struct boot *b, const char *word, const char *event_type, struct err *e)
{
	struct measurement m;
	int rc;

	if (!b->tpm)
		return 0;
	rc = tpm_measure(b->tpm, PHASE_PCR, word, event_type, &m, e);
	if (rc >= 0) {
		log_info("measured '%s' into PCR %d", word, PHASE_PCR);
		record_measurement(b->record, &m);
	}
	return rc;
}

/* ---- inputs ---- */

static int read_options(struct options *ret, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	SCOPED(cmdline_done) struct cmdline words = { 0 };
	size_t n;
	int rc = file_read(AT_FDCWD, "/proc/cmdline", CMDLINE_MAX_BYTES, &text, &n, e);

	if (rc >= 0)
		rc = cmdline_parse(text, n, &words, e);
	if (rc >= 0)
		rc = options_parse(&words, ret, e);
	return rc;
}

static int read_config(struct config *ret, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	size_t n = 0;
	int rc = file_read(AT_FDCWD, CONFIG, CONFIG_MAX_BYTES, &text, &n, e);

	if (rc < 0 && e->errnum != ENOENT)
		return rc;
	return config_parse(text ? text : "", n, ret, e);
}

int stage_inputs(struct boot *b, struct err *e)
{
	/* The configuration first: it says what to do if the command line is bad. */
	int rc = read_config(&b->config, e);

	if (rc >= 0)
		rc = read_options(&b->options, e);
	if (rc >= 0)
		log_set_max(b->options.log_level);
	return rc;
}

/* ---- kernel ---- */

int stage_kernel(struct boot *b, struct err *e)
{
	const char *name = b->config.modules;
	int rc = kernel_start(&b->kernel, e);

	for (size_t i = 0; rc >= 0 && i < b->config.n_modules; i++) {
		kernel_want(b->kernel, &name, 1);
		name += strlen(name) + 1;
	}
	return rc;
}

static void note_modules(struct boot *b)
{
	SCOPED(mem_free) struct module_load *loaded = NULL;
	size_t n = kernel_loaded(b->kernel, &loaded);

	record_modules(b->record, loaded, n);
}

static void stop_kernel(struct boot *b)
{
	if (!b->kernel)
		return;
	note_modules(b);
	kernel_stop(b->kernel);
	b->kernel = NULL;
}

void undo_kernel(struct boot *b)
{
	stop_kernel(b);
}

/* ---- firmware ---- */

int stage_firmware(struct boot *b, struct err *e)
{
	struct err why;
	int rc;

	/* Built in or a module; if neither, mounting it says so. */
	if (access("/sys/firmware/efi", F_OK) == 0 && kernel_require(b->kernel, "efivarfs", &why) < 0)
		log_debug("%s", why.what);
	rc = firmware_read(&b->firmware, e);
	if (rc >= 0)
		record_firmware(b->record, &b->firmware);
	return rc;
}

/* ---- tpm ---- */

static int tpm_is_there(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	return access(TPM_DEVICE, R_OK | W_OK) == 0;
}

static int open_tpm(struct boot *b, struct err *e)
{
	int rc = kernel_wait(b->kernel, tpm_is_there, NULL, TPM_DEVICE, boot_device_deadline(b), e);

	if (rc < 0)
		return err_set(e, ERR_TPM_MISSING, 0, "'%s' did not appear, though %s announces a TPM",
			       TPM_DEVICE, b->firmware.tpm_source ? b->firmware.tpm_source : "the command line");
	return tpm_open(TPM_DEVICE, b->firmware.banks, PHASE_PCR, TPM_LOG, &b->tpm, e);
}

static int go_on_unmeasured(struct boot *b, const char *state)
{
	log_info("%s: this boot is not measured", state);
	record_tpm(b->record, state);
	return 0;
}

int stage_tpm(struct boot *b, struct err *e)
{
	const struct firmware *f = &b->firmware;
	int rc;

	if (!f->tpm_announced && b->config.tpm == TPM_REQUIRED)
		return err_set(e, ERR_TPM_MISSING, 0, "slipway.conf requires a TPM, and the firmware has none");
	if (!f->tpm_announced && !b->options.measure)
		return go_on_unmeasured(b, "no TPM");
	if (!f->stub_measured && !b->options.measure) {
		if (b->config.tpm == TPM_REQUIRED)
			return err_set(e, ERR_TPM_FAILED, 0, "nothing measured this initrd before it started");
		return go_on_unmeasured(b, "a TPM, but no stub that measured this initrd");
	}
	rc = open_tpm(b, e);
	if (rc < 0 && b->config.tpm == TPM_OPTIONAL) {
		log_warning("%s; slipway.conf lets the boot go on", e->what);
		return go_on_unmeasured(b, "broken TPM");
	}
	record_tpm(b->record, rc < 0 ? "failed" : "in use");
	return rc;
}

/* ---- enter ---- */

int stage_enter(struct boot *b, struct err *e)
{
	int rc = boot_measure(b, "enter-initrd", "phase", e);

	return rc < 0 ? rc : extra_stage(e);
}

/* ---- trust ---- */

/* Where certificates are built in, a root hash alone is not enough: words can be added
 * to the command line, certificates cannot. */
static const char *policy_floor(const struct boot *b)
{
	if (*b->config.image_policy)
		return b->config.image_policy;
	return anchors_count(b->anchors) ? "root=signed" : "root=verity+signed";
}

int stage_trust(struct boot *b, struct err *e)
{
	const char *asked = *b->options.image_policy ? b->options.image_policy : "*";
	struct policy floor;
	int rc = anchors_load("", &b->anchors, e);

	if (rc >= 0)
		rc = anchors_seal_kernel(b->anchors, e);
	if (rc >= 0 && policy_parse(policy_floor(b), &floor, e) < 0)
		rc = err_in(e, "the floor of slipway.conf");
	if (rc >= 0 && policy_parse(asked, &b->policy, e) < 0)
		rc = err_in(e, "systemd.image_policy=");
	if (rc >= 0)
		rc = policy_narrow(&b->policy, &floor, e);
	if (rc >= 0)
		record_trust(b->record, anchors_count(b->anchors), policy_floor(b));
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

int stage_extend(struct boot *b, struct err *e)
{
	struct policy policy;
	const struct extension_request request = {
		.anchors = b->anchors,
		.policy = &policy,
		.secure_boot = b->firmware.secure_boot,
		.allow_user_space = b->options.allow_user_space,
	};
	int rc;

	if (!extensions_present())
		return 0;
	rc = policy_parse("root=signed+absent:usr=signed+absent", &policy, e);
	if (rc < 0)
		return rc;
	load_extension_drivers(b);
	rc = extensions_merge(&request, &b->extensions, e);
	if (rc < 0)
		return rc;
	record_extensions(b->record, b->extensions);
	return kernel_reload(b->kernel, e);
}

static int undo_extensions(struct boot *b, struct err *e)
{
	int rc = b->extensions ? extensions_undo(b->extensions, e) : 0;

	b->extensions = NULL;
	return rc;
}

void undo_extend(struct boot *b)
{
	struct err e;

	if (undo_extensions(b, &e) < 0)
		log_warning("%s", e.what);
}

/* ---- discover ---- */

struct disk_search {
	struct disk_wish wish;
	char text[96]; /* what is awaited, for messages */
	struct boot *boot;
	struct err bad; /* why a disk that is there cannot be it */
};

static void wish_for_uuid(struct disk_search *s, const struct uuid **member, const struct uuid *uuid,
			  const char *what)
{
	char text[UUID_TEXT_BYTES];

	*member = uuid;
	snprintf(s->text, sizeof(s->text), "the disk with %s %s", what, uuid_format(uuid, text));
}

/* What the loader says decides, and only without it a word of the command line. */
static int make_wish(struct disk_search *s, const struct boot *b, struct err *e)
{
	const struct options *o = &b->options;
	const struct device_name *named = o->disk.has_uuid || *o->disk.node ? &o->disk : &o->root;

	if (!o->gpt_auto && !o->root_hash_bytes && !o->root.has_uuid && !*o->root.label && !*o->root.node)
		return err_set(e, ERR_BOOT_DISK_UNKNOWN, 0, "systemd.gpt_auto=no, and no root= names a partition");
	if (b->firmware.has_loader_partuuid) {
		wish_for_uuid(s, &s->wish.esp, &b->firmware.loader_partuuid, "the ESP");
	} else if (named->has_uuid) {
		wish_for_uuid(s, &s->wish.any, &named->uuid, "partition");
	} else if (*named->node && named == &o->disk) {
		s->wish.name = named->node;
		snprintf(s->text, sizeof(s->text), "disk '%s'", named->node);
	} else if (o->root_hash_bytes) {
		s->wish.root_hash = o->root_hash;
		s->wish.root_hash_bytes = o->root_hash_bytes;
		snprintf(s->text, sizeof(s->text), "the disk with the partitions of roothash=");
	} else {
		return err_set(e, ERR_BOOT_DISK_UNKNOWN, 0,
			       "no LoaderDevicePartUUID, and neither slipway.disk=, root=PARTUUID= nor roothash=");
	}
	return 0;
}

static int find_disk(void *arg, struct err *e)
{
	struct disk_search *s = arg;
	struct disk *disk = &s->boot->disk;
	int rc = disk_find(&s->wish, disk, &s->bad, e);

	if (rc <= 0)
		return rc;
	rc = disk_agree(disk, e);
	if (rc < 0)
		disk_done(disk);
	return rc < 0 ? rc : 1;
}

static int disk_is_missing(struct disk_search *s, struct err *e)
{
	SCOPED(mem_free) struct module_load *loaded = NULL;
	size_t n = kernel_loaded(s->boot->kernel, &loaded);
	char disks[96], modules[128] = "";
	size_t used = 0;

	if (s->bad.code) {
		*e = s->bad;
		return err_in(e, "%s", s->text);
	}
	disk_list(disks, sizeof(disks));
	for (size_t i = 0; i < n && used + sizeof(loaded[i].name) < sizeof(modules); i++)
		used += (size_t)snprintf(modules + used, sizeof(modules) - used, " %s", loaded[i].name);
	return err_set(e, ERR_DISK_TIMEOUT, 0, "%s did not appear; disks: %s; modules:%s", s->text,
		       *disks ? disks : "none", *modules ? modules : " none");
}

int stage_discover(struct boot *b, struct err *e)
{
	struct disk_search s = { .boot = b };
	int rc = make_wish(&s, b, e);

	if (rc < 0)
		return rc;
	rc = kernel_wait(b->kernel, find_disk, &s, s.text, boot_device_deadline(b), e);
	if (rc == -ERR_TIMEOUT)
		return disk_is_missing(&s, e);
	if (rc >= 0) {
		log_info("boot disk is '%s'", b->disk.name);
		record_disk(b->record, &b->disk);
	}
	return rc;
}

void undo_discover(struct boot *b)
{
	disk_done(&b->disk);
}

/* ---- choose ---- */

static int check_attributes(const struct boot *b, struct err *e)
{
	const struct verity_set *s = &b->set;

	if (!s->root_hash_bytes)
		return s->hash ? err_set(e, ERR_SIGNATURE_MISSING, 0,
					 "partition %u '%s' has a hash partition, but nothing signs its root hash",
					 s->data->number, s->data->label)
			       : err_set(e, ERR_ROOT_UNPROTECTED, 0, "partition %u '%s' is plain",
					 s->data->number, s->data->label);
	if (!s->signature && !(b->policy.use[POLICY_ROOT] & USE_VERITY))
		return err_set(e, ERR_SIGNATURE_MISSING, 0,
			       "partition %u '%s' has no signature, and the policy demands one",
			       s->data->number, s->data->label);
	return policy_check(&b->policy, POLICY_ROOT, verity_set_uses(s), s->data->attributes,
			    s->data->label, e);
}

int stage_choose(struct boot *b, struct err *e)
{
	const struct options *o = &b->options;
	const struct verity_set_wish wish = {
		.data = {
			.uuid = o->root.has_uuid ? &o->root.uuid : NULL,
			.label = *o->root.label ? o->root.label : NULL,
			.devname = *o->root.node ? o->root.node : NULL,
		},
		.root_hash = o->root_hash_bytes ? o->root_hash : NULL,
		.root_hash_bytes = o->root_hash_bytes,
	};
	int rc;

	if (!o->verity)
		return err_set(e, ERR_ROOT_UNPROTECTED, 0, "systemd.verity=no asks for a root without proof");
	rc = verity_set_choose(&b->disk, DPS_ROOT, &wish, &b->set, e);
	if (rc < 0)
		return rc;
	record_set(b->record, &b->disk, &b->set);
	return check_attributes(b, e);
}

void undo_choose(struct boot *b)
{
	verity_set_done(&b->set);
}

/* ---- prove ---- */

int stage_prove(struct boot *b, struct err *e)
{
	const struct volume_request request = {
		.name = "root",
		.disk = &b->disk,
		.set = &b->set,
		.anchors = b->anchors,
		.secure_boot = b->firmware.secure_boot,
		.allow_user_space = b->options.allow_user_space,
		.root_hash_trusted = b->options.root_hash_bytes > 0,
		.panic_on_corruption = b->config.panic_on_corruption,
	};
	int rc = kernel_require(b->kernel, "dm_verity", e);

	if (rc >= 0)
		rc = volume_prove(&request, &b->root, e);
	/* What was achieved counts, not what the disk seemed to promise. */
	if (rc >= 0)
		rc = policy_check(&b->policy, POLICY_ROOT, volume_uses(b->root),
				  b->set.data->attributes, b->set.data->label, e);
	return rc;
}

void undo_prove(struct boot *b)
{
	volume_close(b->root);
	b->root = NULL;
}

/* ---- assemble ---- */

static int find_filesystem(const struct boot *b, char type[static FILESYSTEM_NAME_BYTES], struct err *e)
{
	SCOPED(fd_close) int fd = open(volume_path(b->root), O_RDONLY | O_CLOEXEC);
	const char *wished = b->options.root_type;
	int rc;

	if (fd < 0)
		return err_set(e, ERR_ROOT_MOUNT, errno, "open '%s'", volume_path(b->root));
	rc = filesystem_probe(fd, type, e);
	if (rc >= 0 && *wished && strcmp(wished, type) != 0)
		return err_set(e, ERR_ROOT_MOUNT, 0, "the root is '%s', and rootfstype= says '%s'", type, wished);
	return rc;
}

int stage_assemble(struct boot *b, struct err *e)
{
	char type[FILESYSTEM_NAME_BYTES] = "";
	const struct root_request request = {
		.volume = b->root,
		.filesystem = type,
		.options = *b->options.root_flags ? b->options.root_flags : NULL,
		.volatile_mode = b->options.volatile_mode,
	};
	int rc = find_filesystem(b, type, e);

	if (rc >= 0)
		rc = policy_check_filesystem(&b->policy, POLICY_ROOT, type, e);
	if (rc >= 0)
		rc = kernel_require(b->kernel, type, e);
	if (rc >= 0 && b->options.volatile_mode == VOLATILE_OVERLAY)
		rc = kernel_require(b->kernel, "overlay", e);
	if (rc >= 0 && b->options.writable)
		log_warning("'rw' is ignored: a proven root cannot be written to");
	if (rc >= 0)
		rc = root_mount(&request, e);
	if (rc >= 0)
		record_root(b->record, b->root, type);
	return rc;
}

void undo_assemble(struct boot *b)
{
	(void)b;
	root_unmount();
}

/* ---- check ---- */

int stage_check(struct boot *b, struct err *e)
{
	int rc = root_check(*b->options.init ? b->options.init : NULL, &b->tree, e);

	if (rc >= 0)
		record_os(b->record, b->tree.os, b->tree.init);
	return rc;
}

/* ---- leave ---- */

int stage_leave(struct boot *b, struct err *e)
{
	struct measurement final;
	int rc = undo_extensions(b, e);

	stop_kernel(b);
	if (rc >= 0)
		rc = handover_dm_device("root", volume_dev(b->root), b->tree.has_dm_rules, e);
	if (rc >= 0)
		rc = handover_base_tree(SYSROOT, e);
	if (rc >= 0)
		rc = boot_measure(b, "leave-initrd", "phase", e);
	if (rc >= 0 && b->tpm)
		rc = tpm_read(b->tpm, PHASE_PCR, &final, e);
	if (rc >= 0 && b->tpm)
		record_pcr(b->record, &final);
	return rc;
}

/* ---- switch ---- */

int stage_switch(struct boot *b, struct err *e)
{
	const struct handover_exec exec = {
		.init = b->tree.init,
		.is_systemd = b->tree.init_is_systemd,
		.argv = b->argv,
		.envp = b->envp,
		.start_realtime_us = b->start_realtime_us,
		.start_monotonic_us = b->start_monotonic_us,
	};
	int rc;

	log_info("handing over to '%s' of '%s'", b->tree.init, b->tree.os);
	tpm_close(b->tpm);
	b->tpm = NULL;
	record_write(b->record, NULL, NULL);
	rc = handover_switch_root(SYSROOT, e);
	if (rc >= 0)
		rc = handover_reset_process(e);
	return rc < 0 ? rc : handover_exec(&exec, e);
}
