/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The root: from the disk that we came from to a tree that was checked. */
#include "init/stages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/log.h"
#include "modules/verity/filtered.h"
#include "modules/verity/others.h"

/* ---- discover ---- */

struct disk_search {
	struct disk_wish wish;
	char text[96]; /* what is awaited, for messages */
	struct boot *boot;
	struct disk_memory memory;
};

static void wish_for_uuid(struct disk_search *s, const struct uuid **member, const struct uuid *uuid,
			  const char *what)
{
	char text[UUID_TEXT_BYTES];

	*member = uuid;
	snprintf(s->text, sizeof(s->text), "the disk with %s %s", what, uuid_format(uuid, text));
}

enum designator boot_designator(const struct boot *b)
{
	return b->options.has_usr ? DPS_USR : DPS_ROOT;
}

/* Empty if discovery decides. */
static const struct device_name *named_data(const struct options *o)
{
	return o->has_usr ? &o->usr : &o->root;
}

/* What the loader says decides, and only without it a word of the command line. */
static int make_wish(struct disk_search *s, const struct boot *b, struct err *e)
{
	const struct options *o = &b->options;
	const struct device_name *data = named_data(o);
	const struct device_name *named = o->disk.has_uuid || *o->disk.node ? &o->disk : data;

	if (!o->gpt_auto && !o->root_hash_bytes && !data->has_uuid && !*data->label && !*data->node)
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
		s->wish.designator = boot_designator(b);
		snprintf(s->text, sizeof(s->text), "the disk with the partitions of %shash=",
			 o->has_usr ? "usr" : "root");
	} else if (*data->node) {
		s->wish.partition = data->node;
		snprintf(s->text, sizeof(s->text), "the disk with '%s'", data->node);
	} else if (*data->label) {
		s->wish.label = data->label;
		s->wish.designator = boot_designator(b);
		snprintf(s->text, sizeof(s->text), "the disk with the %s '%.60s'", dps_name(boot_designator(b)),
			 data->label);
	} else {
		return err_set(e, ERR_BOOT_DISK_UNKNOWN, 0,
			       "no LoaderDevicePartUUID, and neither slipway.disk=, roothash= nor a partition in root=");
	}
	return 0;
}

static int find_disk(void *arg, struct err *e)
{
	struct disk_search *s = arg;

	return disk_find_agreed(&s->wish, &s->memory, &s->boot->disk, e);
}

static int disk_is_missing(struct disk_search *s, struct err *e)
{
	SCOPED(mem_free) struct module_load *loaded = NULL;
	size_t n = kernel_loaded(s->boot->kernel, &loaded);
	char disks[96], modules[128] = "";
	size_t used = 0, i = 0;

	/* Why a disk that is there cannot be it. */
	if (s->memory.bad.code) {
		*e = s->memory.bad;
		return err_in(e, "%s", s->text);
	}
	disk_list(disks, sizeof(disks));
	for (; i < n && used + sizeof(loaded[i].name) < sizeof(modules); i++)
		used += (size_t)snprintf(modules + used, sizeof(modules) - used, " %s", loaded[i].name);
	return err_set(e, ERR_DISK_TIMEOUT, 0, "%s did not appear; disks: %s; modules:%s%s", s->text,
		       *disks ? disks : "none", n ? modules : " none", i < n ? " and more" : "");
}

/* When the table is read once more. */
static void mark_failed(struct boot *b)
{
	for (size_t i = 0; i < b->disk.gpt.n_partitions; i++)
		for (size_t k = 0; k < b->n_failed_slots; k++)
			if (uuid_equal(&b->disk.gpt.partitions[i].uuid, &b->failed_slots[k]))
				b->disk.gpt.partitions[i].failed = true;
}

int stage_discover(struct boot *b, struct err *e)
{
	struct disk_search s = { .boot = b };
	int rc = make_wish(&s, b, e);

	if (rc < 0)
		return rc;
	rc = boot_wait_for_disk(b, find_disk, &s, s.text, e);
	if (rc == -ERR_TIMEOUT)
		return disk_is_missing(&s, e);
	if (rc >= 0) {
		mark_failed(b);
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

struct dps_wish device_wish(const struct device_name *named)
{
	return (struct dps_wish){
		.uuid = named->has_uuid ? &named->uuid : NULL,
		.label = *named->label ? named->label : NULL,
		.devname = *named->node ? named->node : NULL,
	};
}

struct dps_wish root_wish(const struct boot *b)
{
	return device_wish(named_data(&b->options));
}

int stage_choose(struct boot *b, struct err *e)
{
	const struct options *o = &b->options;
	const struct verity_set_wish wish = {
		.data = root_wish(b),
		.root_hash = o->root_hash_bytes ? o->root_hash : NULL,
		.root_hash_bytes = o->root_hash_bytes,
	};
	struct policy_verdicts verdicts;
	int rc;

	if (!o->verity)
		return err_set(e, ERR_ROOT_UNPROTECTED, 0, "systemd.verity=no asks for a %s without proof",
			       dps_name(boot_designator(b)));
	filter_apply(&b->filter, &b->disk.gpt);
	rc = verity_set_choose(&b->disk, boot_designator(b), &wish, &b->set, e);
	record_set(b->record, &b->disk, rc < 0 ? NULL : &b->set);
	if (rc < 0)
		return rc;
	if (!b->set.root_hash_bytes)
		rc = look_for_luks(b, e);
	if (rc >= 0 && o->has_state)
		rc = choose_state(b, e);
	if (rc < 0)
		return rc;
	rc = dps_check_version(b->set.data, b->config.minimum_version, e);
	if (rc >= 0)
		rc = luks_words_check(&o->luks, b->set.encrypted || (b->state && b->state_use == USE_ENCRYPTED), e);
	if (rc < 0)
		return rc;
	rc = verity_set_check(&b->disk.gpt, &b->set, &b->policy, &verdicts, e);
	record_policy(b->record, &b->policy, &verdicts);
	return rc;
}

void undo_choose(struct boot *b)
{
	verity_set_done(&b->set);
	b->state = NULL;
}

/* ---- prove ---- */

static int await_verity(void *kernel, struct err *e)
{
	return kernel_require(kernel, "dm_verity", e);
}

int stage_prove(struct boot *b, struct err *e)
{
	const struct volume_request request = {
		.name = dps_name(boot_designator(b)),
		.disk = &b->disk,
		.set = &b->set,
		.anchors = b->anchors,
		.denied_root_hashes = &b->config.denied_root_hashes,
		.secure_boot = b->firmware.secure_boot,
		.allow_user_space = b->options.allow_user_space,
		.root_hash_trusted = b->options.root_hash_bytes > 0,
		.on_corruption = b->config.panic_on_corruption ? ON_CORRUPTION_PANIC : ON_CORRUPTION_RESTART,
		.await_driver = await_verity,
		.arg = b->kernel,
	};
	struct policy_verdicts achieved = { 0 };
	int rc = b->set.encrypted ? open_luks(b, b->set.designator, b->set.data, &b->unlocked, e) :
				    volume_prove(&request, &b->root, e);

	/* What was achieved counts, not what the disk seemed to promise. */
	if (rc >= 0)
		rc = policy_judge(&b->policy, verity_policy(b->set.designator),
				  b->unlocked ? USE_ENCRYPTED : volume_uses(b->root),
				  b->set.data->attributes, b->set.data->label, &achieved, e);
	record_policy(b->record, &b->policy, &achieved);
	if (rc >= 0 && !b->unlocked)
		rc = measure_root(b, e);
	return rc < 0 ? rc : unlock_state(b, e);
}

void undo_prove(struct boot *b)
{
	volume_close(b->root);
	b->root = NULL;
	luks_close(b->unlocked);
	b->unlocked = NULL;
	luks_close(b->unlocked_state);
	b->unlocked_state = NULL;
}

/* ---- assemble ---- */

static int find_filesystem(const struct boot *b, char type[static FILESYSTEM_NAME_BYTES], struct err *e)
{
	const char *path = b->unlocked ? luks_path(b->unlocked) : volume_path(b->root);
	SCOPED(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct options *o = &b->options;
	const char *wished = o->has_usr ? o->usr_type : o->root_type;
	int rc;

	if (fd < 0)
		return err_set(e, ERR_ROOT_MOUNT, errno, "open '%s'", path);
	rc = filesystem_probe(fd, 0, 0, type, e);
	if (rc >= 0 && *wished && strcmp(wished, type) != 0)
		return err_set(e, ERR_ROOT_MOUNT, 0, "the %s is '%s', and %sfstype= says '%s'",
			       dps_name(b->set.designator), type, o->has_usr ? "mount.usr" : "root", wished);
	return rc;
}

int stage_assemble(struct boot *b, struct err *e)
{
	char type[FILESYSTEM_NAME_BYTES] = "", state_type[FILESYSTEM_NAME_BYTES] = "";
	const struct options *o = &b->options;
	struct root_state state = { 0 };
	const struct root_request request = {
		.volume = b->root,
		.unlocked = b->unlocked,
		.writable = o->writable && !(b->set.data->attributes & POLICY_READ_ONLY),
		.filesystem = type,
		.options = o->has_usr ? o->usr_flags : o->root_flags,
		.tmpfs = o->root_is_tmpfs ? o->root_flags : NULL,
		.state = o->has_state ? &state : NULL,
		.volatile_mode = o->volatile_mode,
		.ret_purpose = &b->purpose,
	};
	struct policy_verdicts verdict = { 0 };
	int rc;

	forget_hibernation(b);
	rc = find_filesystem(b, type, e);

	if (rc >= 0)
		rc = policy_judge_filesystem(&b->policy, verity_policy(b->set.designator), type, &verdict, e);
	record_policy(b->record, &b->policy, &verdict);
	if (rc >= 0)
		rc = kernel_require(b->kernel, type, e);
	if (rc >= 0 && !o->has_usr && o->volatile_mode == VOLATILE_OVERLAY)
		rc = kernel_require(b->kernel, "overlay", e);
	if (rc >= 0 && o->writable && !o->has_usr && (!b->unlocked || !request.writable))
		log_warning("'rw' is ignored: %s", b->unlocked ? "the partition is marked as read-only" :
							   "a proven root cannot be written to");
	if (rc >= 0 && o->has_state)
		rc = prepare_state(b, state_type, &state, e);
	if (rc >= 0 && root_is_writable(&request))
		rc = check_filesystem(b, o->has_state ? state.path : luks_path(b->unlocked),
				      o->has_state ? state_type : type, e);
	if (rc >= 0)
		rc = root_mount(&request, e);
	if (rc >= 0)
		record_root(b->record, b->root, b->unlocked, type);
	if (rc >= 0 && o->has_state)
		record_state(b->record, &state, b->unlocked_state);
	return rc;
}

void undo_assemble(struct boot *b)
{
	(void)b;
	root_unmount();
}

/* ---- check ---- */

/* A driver shows its disks one by one, and the first that fits was taken. Those that came
 * since must not fit, too. */
static int check_disk_is_only_one(const struct boot *b, struct err *e)
{
	struct disk_search s = { 0 };
	int rc = make_wish(&s, b, e);

	if (rc >= 0)
		rc = disk_find_again(&s.wish, &b->disk, e);
	return rc;
}

/* The partition table is anybody's: what is proven may lie where it was not meant to be, as another
 * signed file system in the root's place. */
static int check_purpose(const struct boot *b, struct err *e)
{
	int rc = purpose_check_mount_point(&b->purpose, b->options.has_usr ? "/usr" : "/", e);

	if (rc >= 0)
		rc = purpose_check_partition(&b->purpose, b->set.data, e);
	if (rc >= 0 && b->set.hash)
		rc = purpose_check_partition(&b->purpose, b->set.hash, e);
	if (rc >= 0 && b->state)
		rc = purpose_check_mount_point(&b->state_purpose, "/", e);
	if (rc >= 0 && b->state)
		rc = purpose_check_partition(&b->state_purpose, b->state, e);
	return rc;
}

int stage_check(struct boot *b, struct err *e)
{
	int rc = check_disk_is_only_one(b, e);

	if (rc >= 0)
		rc = check_purpose(b, e);
	if (rc >= 0)
		rc = mount_fstab(b, e);
	if (rc >= 0)
		rc = root_check(*b->options.init ? b->options.init : NULL, b->options.has_state, &b->tree, e);
	if (rc < 0)
		return rc;
	record_os(b->record, b->tree.os, b->tree.version, b->tree.init);
	/* Whoever holds the disk writes labels; this one is proven. */
	return root_version_is_enough(b->tree.version, b->config.minimum_version, e);
}

