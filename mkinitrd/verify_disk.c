/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The disk with the root, in the order of the boot: table, choice, policy, proof, mount. */
#include "mkinitrd/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "modules/disk/filesystem.h"
#include "modules/disk/read.h"
#include "modules/verity/filtered.h"
#include "modules/verity/others.h"
#include "modules/verity/state.h"

/* ---- the table ---- */

/* A file does not say how long its sectors are; a disk has a table for one length only. */
static int read_table(struct verify *v, struct verify_medium *m, uint64_t n_bytes)
{
	struct gpt_report report;
	struct err e = { 0 }, other = { 0 };

	if (gpt_read(m->fd, m->name, 512, n_bytes / 512, &m->gpt, &report, &e) < 0 &&
	    gpt_read(m->fd, m->name, 4096, n_bytes / 4096, &m->gpt, &report, &other) < 0) {
		report_error(&v->report, m->name, &e);
		return -1;
	}
	if (report.primary.code)
		report_add(&v->report, VERDICT_NOTE, m->name,
			   "its primary partition table is broken (%s); the boot would use the backup",
			   report.primary.what);
	for (size_t i = 0; i < m->gpt.n_partitions; i++)
		snprintf(m->gpt.partitions[i].devname, sizeof(m->gpt.partitions[i].devname),
			 "partition %u", m->gpt.partitions[i].number);
	report_add(&v->report, VERDICT_OK, m->name, "%zu partitions, sectors of %u bytes",
		   m->gpt.n_partitions, m->gpt.sector_bytes);
	return 0;
}

int verify_medium_open(struct verify *v, const char *path, struct verify_medium *ret)
{
	off_t end;

	*ret = (struct verify_medium){ .name = path, .fd = open(path, O_RDONLY | O_CLOEXEC) };
	end = ret->fd < 0 ? -1 : lseek(ret->fd, 0, SEEK_END);
	if (end < 0) {
		report_add(&v->report, VERDICT_FAIL, path, "cannot be read: %s", strerror(errno));
		return -1;
	}
	return read_table(v, ret, (uint64_t)end);
}

void verify_medium_done(struct verify_medium *m)
{
	gpt_done(&m->gpt);
	fd_close(&m->fd);
}

static uint64_t start_of(const struct verify_medium *m, const struct partition *p)
{
	return p->first_lba * m->gpt.sector_bytes;
}

int verify_medium_read(void *arg, const struct partition *p, uint8_t *ret, size_t n, struct err *e)
{
	const struct verify_medium *m = arg;

	return pread_full(m->fd, ret, n, start_of(m, p), e);
}

/* ---- the proof ---- */

static void check_signature(struct verify *v, const struct verity_set *set, const char *name)
{
	struct signer signer;
	char text[2 * FINGERPRINT_BYTES + 1];
	struct err e = { 0 };

	if (v->config.denied_certificates.n &&
	    (!v->options.allow_user_space || !anchors_count(v->anchors))) {
		report_add(&v->report, VERDICT_FAIL, name,
			   "slipway.conf denies certificates, and nothing may say who signed this: "
			   "pack certificates, and leave out systemd.allow_userspace_verity=");
		return;
	}
	if (v->kernel_decides || !v->options.allow_user_space || !anchors_count(v->anchors)) {
		report_add(&v->report, VERDICT_NOTE, name,
			   "is signed; whether the kernel trusts the signer cannot be seen here");
		return;
	}
	if (proof_signature(set, v->anchors, &signer, &e) < 0) {
		report_error(&v->report, name, &e);
		return;
	}
	hex_encode(signer.fingerprint, sizeof(signer.fingerprint), text);
	report_add(&v->report, VERDICT_OK, name, "is signed by the image's certificate %.16s…", text);
}

int verify_set(struct verify *v, const struct verity_set *set, const struct verify_medium *m,
	       uint64_t *ret_at, uint64_t *ret_bytes)
{
	const struct proof_source source = { .data_fd = m->fd,
					     .hash_fd = m->fd,
					     .data_at = start_of(m, set->data),
					     .hash_at = start_of(m, set->hash) };
	char text[2 * VERITY_MAX_HASH_BYTES + 1];
	struct verity_info info;
	struct err e = { 0 };

	if (proof_not_denied(set, &v->config.denied_root_hashes, &e) < 0)
		report_error(&v->report, m->name, &e);
	if (set->signature)
		check_signature(v, set, m->name);
	progress_step(v->progress, "holding '%s' against its root hash", m->name);
	if (proof_superblock(set, m->gpt.sector_bytes, &source, &info, &e) < 0 ||
	    proof_content(set, &info, &source, true, &e) < 0) {
		report_error(&v->report, m->name, &e);
		return -1;
	}
	hex_encode(set->root_hash, set->root_hash_bytes, text);
	report_add(&v->report, VERDICT_OK, m->name, "all %llu data blocks match the root hash %.16s…",
		   (unsigned long long)info.n_data_blocks, text);
	*ret_at = source.data_at;
	*ret_bytes = info.n_data_blocks * info.data_block_bytes;
	return 0;
}

/* ---- the root ---- */

/* What the kernel calls a partition is not known here. */
static struct dps_wish wish_for(const struct device_name *named)
{
	return (struct dps_wish){
		.uuid = named->has_uuid ? &named->uuid : NULL,
		.label = *named->label ? named->label : NULL,
	};
}

static int read_set(struct verify *v, struct verify_medium *m, struct verity_set *ret, struct err *e)
{
	const struct options *o = &v->options;
	const struct verity_set_wish wish = {
		.data = wish_for(o->has_usr ? &o->usr : &o->root),
		.root_hash = o->root_hash_bytes ? o->root_hash : NULL,
		.root_hash_bytes = o->root_hash_bytes,
	};

	uint8_t start[LUKS_MAGIC_BYTES];
	int rc = verity_set_read(&m->gpt, verify_designator(v), &wish, verify_medium_read, m, ret, e);

	if (rc < 0 || ret->root_hash_bytes)
		return rc;
	rc = verify_medium_read(m, ret->data, start, sizeof(start), e);
	ret->encrypted = rc >= 0 && filesystem_is_luks(start);
	return rc;
}

static int choose(struct verify *v, struct verify_medium *m, struct verity_set *ret)
{
	const struct options *o = &v->options;
	const struct device_name *named = o->has_usr ? &o->usr : &o->root;
	struct err e = { 0 };

	if (*named->node)
		report_add(&v->report, VERDICT_NOTE, m->name,
			   "%s=/dev/%s: which partition the kernel calls so is not known here",
			   o->has_usr ? "mount.usr" : "root", named->node);
	filter_apply(&v->filter, &m->gpt);
	if (read_set(v, m, ret, &e) < 0) {
		report_error(&v->report, m->name, &e);
		return -1;
	}
	return 0;
}

/* In the words of the record of a boot. */
static void explain_policy(struct verify *v, const struct verify_medium *m,
			   const struct policy_verdicts *all)
{
	/* One that could not be read has no rules, and that was said. */
	for (size_t i = 0; i < all->n && v->policy.use[POLICY_ROOT]; i++) {
		const struct policy_verdict *at = &all->of[i];
		char found[POLICY_WORDS_BYTES], allowed[POLICY_WORDS_BYTES];

		report_add(&v->report, at->refused ? VERDICT_FAIL : VERDICT_OK, m->name,
			   "image policy: '%s' is '%s', and the %s rule of the %s allows '%s'",
			   policy_designator_name(at->designator),
			   verdict_found(&v->policy, at, found, sizeof(found)),
			   verdict_rule(&v->policy, at), verdict_source(&v->policy, at),
			   policy_words(&v->policy, at->designator, allowed, sizeof(allowed)));
	}
}

/* The type becomes "" if it does not do. */
static void check_type(struct verify *v, const struct verify_medium *m, enum designator d, uint64_t at,
		       uint64_t n_bytes, char type[static FILESYSTEM_NAME_BYTES])
{
	const char *wished = d == DPS_USR ? v->options.usr_type : v->options.root_type;
	struct policy_verdicts verdict = { 0 };
	struct err e = { 0 };
	int rc = filesystem_probe(m->fd, at, n_bytes, type, &e);

	if (rc >= 0)
		rc = policy_judge_filesystem(&v->policy, verity_policy(d), type, &verdict, &e);
	explain_policy(v, m, &verdict);
	if (rc < 0) {
		report_error(&v->report, m->name, &e);
		*type = '\0';
		return;
	}
	if (*wished && strcmp(wished, type) != 0)
		report_add(&v->report, VERDICT_FAIL, m->name,
			   "its file system is '%s', and %sfstype= says '%s': correct one of them",
			   type, d == DPS_USR ? "mount.usr" : "root", wished);
	else if (verify_driver(v, type, VERDICT_FAIL, "the root", true))
		report_add(&v->report, VERDICT_OK, m->name, "its file system is %s%s", type,
			   v->kmod ? ", whose driver is there" : "");
}

static void check_filesystem(struct verify *v, const struct verify_medium *m, uint64_t at,
			     uint64_t n_bytes)
{
	char type[FILESYSTEM_NAME_BYTES];

	check_type(v, m, verify_designator(v), at, n_bytes, type);
	if (*type)
		verify_image_version(v, m, type, at);
}

/* Whoever holds the disk writes its labels, so the boot goes by what is in the root as well. */
static void check_version(struct verify *v, const struct verify_medium *m,
			  const struct partition *data)
{
	const char *minimum = v->config.minimum_version;
	struct err e = { 0 };

	if (dps_check_version(data, minimum, &e) < 0)
		report_error(&v->report, m->name, &e);
	else if (*minimum && strchr(data->label, '_'))
		report_add(&v->report, VERDICT_OK, m->name,
			   "the version in the label '%s' is not below minimum-version=%s", data->label,
			   minimum);
}

static void explain_encrypted(struct verify *v, const struct verify_medium *m, enum designator d,
			      const struct partition *p)
{
	report_add(&v->report, VERDICT_NOTE, m->name,
		   "the %s is partition %u '%s', which is encrypted: what opens it and what is in it is not "
		   "looked at", dps_name(d), p->number, p->label);
}

/* What is in its file system changes while the system runs, so that is not looked at. Returns
 * whether it is encrypted. */
static bool check_state(struct verify *v, struct verify_medium *m, struct verity_set *set)
{
	const struct dps_wish wish = wish_for(&v->options.root);
	const struct partition *p = NULL;
	uint8_t start[LUKS_MAGIC_BYTES];
	struct err e = { 0 };
	unsigned use = 0;

	if (state_choose(&m->gpt, &wish, &set->verdicts, &p, &e) < 0 ||
	    verify_medium_read(m, p, start, sizeof(start), &e) < 0 ||
	    state_check(p, start, &v->policy, &use, &e) < 0) {
		report_error(&v->report, m->name, &e);
	} else if (use == USE_ENCRYPTED) {
		explain_encrypted(v, m, DPS_ROOT, p);
	} else {
		char type[FILESYSTEM_NAME_BYTES];

		check_type(v, m, DPS_ROOT, start_of(m, p), p->n_lbas * m->gpt.sector_bytes, type);
		report_add(&v->report, VERDICT_NOTE, m->name,
			   "the root is partition %u '%s', which nothing proves: the boot would warn",
			   p->number, p->label);
	}
	return use == USE_ENCRYPTED;
}

static void check_root(struct verify *v, const struct verify_medium *m, const struct verity_set *set)
{
	struct policy_verdicts verdicts;
	uint64_t at, n_bytes;
	struct err e = { 0 };

	if (!v->options.verity && err_set(&e, ERR_ROOT_UNPROTECTED, 0,
					  "systemd.verity=no asks for a %s without proof",
					  dps_name(set->designator)) < 0)
		report_error(&v->report, "command line", &e);
	check_version(v, m, set->data);
	if (verity_set_check(&m->gpt, set, &v->policy, &verdicts, &e) < 0)
		report_error(&v->report, m->name, &e);
	else if (set->encrypted)
		explain_encrypted(v, m, set->designator, set->data);
	else
		report_add(&v->report, VERDICT_OK, m->name, "%s is partition %u '%s', with hash %s%s%s",
			   dps_name(set->designator), set->data->number, set->data->label,
			   set->signature ? "and signature partition" : "partition, bound by ",
			   set->signature ? "" : dps_name(set->designator),
			   set->signature ? "" : "hash=");
	explain_policy(v, m, &verdicts);
	if (set->root_hash_bytes && verify_set(v, set, m, &at, &n_bytes) == 0)
		check_filesystem(v, m, at, n_bytes);
}

/* ---- the next slot ---- */

static bool any_next_slot(const struct failure_rules *rules)
{
	for (size_t i = 0; i < ERR_N_CODES; i++)
		if (rules->by_code[i].attempt == ATTEMPT_NEXT_SLOT)
			return true;
	return false;
}

static void check_slot(struct verify *v, struct verify_medium *m, const struct verity_set *set)
{
	struct report *r = &v->report;

	r->n_beside = 0;
	r->beside = true;
	check_root(v, m, set);
	r->beside = false;
	if (r->n_beside)
		report_add(r, VERDICT_NOTE, m->name, "partition %u '%s' would not boot in its place",
			   set->data->number, set->data->label);
	else
		report_add(r, VERDICT_OK, m->name, "partition %u '%s' would boot in its place, for the "
			   "reasons that slipway.conf names", set->data->number, set->data->label);
}

/* Marks what failed as the boot does, until nothing is left. */
static void check_next_slots(struct verify *v, struct verify_medium *m, const struct partition *failed)
{
	const char *disk = m->name;
	char name[256];

	if (!any_next_slot(&v->config.failure_rules) || v->options.root_hash_bytes)
		return;
	snprintf(name, sizeof(name), "%.200s, next slot", disk);
	m->name = name;
	for (bool first = true; failed; first = false) {
		SCOPED(verity_set_done) struct verity_set set = { 0 };
		struct err e = { 0 };

		m->gpt.partitions[failed - m->gpt.partitions].failed = true;
		failed = read_set(v, m, &set, &e) < 0 ? NULL : set.data;
		if (failed)
			check_slot(v, m, &set);
		else if (first)
			report_add(&v->report, VERDICT_NOTE, name, "there is none: %s (%s)", e.what,
				   err_name(e.code));
	}
	m->name = disk;
}

void verify_disk(struct verify *v, const char *path)
{
	SCOPED(verify_medium_done) struct verify_medium m = { .fd = -1 };
	SCOPED(verity_set_done) struct verity_set set = { 0 };
	struct err e = { 0 };
	bool encrypted;

	if (verify_medium_open(v, path, &m) < 0 || choose(v, &m, &set) < 0)
		return;
	check_root(v, &m, &set);
	encrypted = set.encrypted;
	if (v->options.has_state)
		encrypted |= check_state(v, &m, &set);
	if (luks_words_check(&v->options.luks, encrypted, &e) < 0)
		report_error(&v->report, "command line", &e);
	check_next_slots(v, &m, set.data);
}
