/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the record says of the disk and the root on it. */
#include "init/record_json.h"

#include "init/core/bytes.h"
#include "modules/disk/disk.h"
#include "modules/disk/dps.h"
#include "modules/luks/luks.h"
#include "modules/root/root.h"
#include "modules/trust/verdict.h"
#include "modules/verity/set.h"
#include "modules/verity/volume.h"

void record_disk(struct record *r, const struct disk *d)
{
	struct json_object *o = section(r, "disk");

	put_text(o, "name", d->name);
	put_number(o, "sector_size", d->sector_bytes);
	put_text(o, "gpt", d->gpt.which == GPT_PRIMARY ? "primary" : "backup");
}

static void put_partition(struct json_object *a, const struct partition *p, const char *verdict)
{
	struct json_object *o = append(a);
	char text[UUID_TEXT_BYTES];

	put_number(o, "number", p->number);
	put_text(o, "name", *p->devname ? p->devname : NULL);
	put_text(o, "type", dps_type_name(&p->type));
	put_text(o, "uuid", uuid_format(&p->uuid, text));
	put_text(o, "label", p->label);
	put_text(o, "verdict", verdict);
}

void record_set(struct record *r, const struct disk *d, const struct verity_set *s)
{
	struct json_object *a = r ? json_object_new_array() : NULL;

	if (!a)
		return;
	put(r->top, "partitions", a); /* in the place of those of an attempt before */
	for (size_t i = 0; i < d->gpt.n_partitions; i++)
		put_partition(a, &d->gpt.partitions[i], s ? s->verdicts.why[i] : NULL);
}

void record_policy(struct record *r, const struct policy *p, const struct policy_verdicts *all)
{
	struct json_object *a = all->n ? array(r, "policy") : NULL;

	for (size_t i = 0; i < all->n; i++) {
		const struct policy_verdict *v = &all->of[i];
		struct json_object *o = append(a);
		char text[POLICY_WORDS_BYTES];

		put(o, "stage", r ? json_object_get(json_object_object_get(r->stage, "name")) : NULL);
		put_text(o, "partition", policy_designator_name(v->designator));
		put_text(o, "found", verdict_found(p, v, text, sizeof(text)));
		put_text(o, "allowed", policy_words(p, v->designator, text, sizeof(text)));
		put_text(o, "rule", verdict_rule(p, v));
		put_text(o, "of", verdict_source(p, v));
		put_text(o, "verdict", v->refused ? "refused" : "accepted");
	}
}

static struct json_object *new_luks(const struct luks_volume *v)
{
	struct json_object *luks = json_object_new_object();

	put_text(luks, "uuid", luks_uuid(v));
	put_text(luks, "unlocked_by", luks_by(v));
	put_number(luks, "keyslot", (uint64_t)luks_slot(v));
	return luks;
}

void record_root(struct record *r, const struct volume *v, const struct luks_volume *unlocked,
		 const char *filesystem)
{
	static const char *const proofs[] = {
		[PROOF_ROOT_HASH] = "roothash",
		[PROOF_CERTIFICATE] = "certificate",
		[PROOF_KERNEL] = "kernel",
	};
	struct json_object *o = section(r, "root");

	put_text(o, "device", unlocked ? luks_path(unlocked) : volume_path(v));
	put_text(o, "roothash", v ? volume_root_hash(v) : NULL);
	put_text(o, "proven_by", v ? proofs[volume_proof(v)] : NULL);
	put_text(o, "certificate", v && *volume_signer(v) ? volume_signer(v) : NULL);
	if (unlocked)
		put(o, "luks", new_luks(unlocked));
	put_text(o, "filesystem", filesystem);
}

void record_state(struct record *r, const struct root_state *s, const struct luks_volume *unlocked)
{
	struct json_object *o = section(r, "state");

	put_text(o, "device", s->path);
	put_text(o, "filesystem", s->filesystem);
	put_bool(o, "writable", s->writable);
	put_bool(o, "proven", false);
	if (unlocked)
		put(o, "luks", new_luks(unlocked));
}

void record_fsck(struct record *r, const char *device, const char *result, uint64_t duration_us)
{
	struct json_object *o = section(r, "fsck");

	put_text(o, "device", device);
	put_text(o, "result", result);
	put_number(o, "duration_us", duration_us);
}

void record_mount(struct record *r, const char *where, const char *device, const char *filesystem, bool writable)
{
	struct json_object *o = append(array(r, "mounts"));

	put_text(o, "where", where);
	put_text(o, "device", device);
	put_text(o, "filesystem", filesystem);
	put_bool(o, "writable", writable);
}

void record_os(struct record *r, const char *os, const char *version, const char *init)
{
	if (!r)
		return;
	put_text(r->top, "os", os);
	put_text(r->top, "image_version", *version ? version : NULL);
	put_text(r->top, "init", init);
}
