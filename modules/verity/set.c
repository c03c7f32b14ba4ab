/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/verity/set.h"

#include <stdlib.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/log.h"
#include "modules/trust/policy.h"

enum { MAX_CANDIDATES = 16, MIN_HASH_BYTES = 16 };

static struct dps_halves candidate_halves(const struct verity_candidate *c)
{
	return dps_halves(c->parsed.root_hash, c->parsed.root_hash_bytes);
}

/* For messages: empty until the kernel's view is known. */
static const char *devname(const struct partition *p)
{
	return p->devname[0] ? p->devname : "?";
}

/* Of a partition that was looked for in vain. */
static const char *absence(const struct gpt *gpt, const struct uuid *uuid)
{
	for (size_t i = 0; i < gpt->n_partitions; i++)
		if (gpt->partitions[i].filtered && uuid_equal(&gpt->partitions[i].uuid, uuid))
			return "hidden by systemd.image_filter=";
	return "not there";
}

static int choose_data(const struct gpt *gpt, enum designator d, const struct verity_set_wish *wish,
		       struct verity_set *set, struct err *e)
{
	struct dps_wish data = wish->data;
	char text[UUID_TEXT_BYTES];
	struct dps_halves h;

	if (!wish->root_hash)
		return dps_choose(gpt, d, &data, &set->verdicts, &set->data, e);
	if (wish->root_hash_bytes < MIN_HASH_BYTES || wish->root_hash_bytes > VERITY_MAX_HASH_BYTES)
		return err_set(e, ERR_CMDLINE, 0, "root hash has '%zu' bytes, not 16 to 64",
			       wish->root_hash_bytes);
	h = dps_halves(wish->root_hash, wish->root_hash_bytes);
	if (data.uuid && !uuid_equal(data.uuid, &h.data))
		return err_set(e, ERR_ROOT_INCOMPLETE, 0,
			       "partition '%s', asked for, is not the root hash's data",
			       uuid_format(data.uuid, text));
	if (!gpt_find(gpt, dps_type(d, DPS_DATA), &h.data))
		return err_set(e, ERR_ROOT_INCOMPLETE, 0,
			       "the root hash's data partition '%s' is %s",
			       uuid_format(&h.data, text), absence(gpt, &h.data));
	data.uuid = &h.data;
	memcpy(set->root_hash, wish->root_hash, wish->root_hash_bytes);
	set->root_hash_bytes = wish->root_hash_bytes;
	return dps_choose(gpt, d, &data, &set->verdicts, &set->data, e);
}

static bool same_hash(const struct verity_set *set, const struct verity_signature *s)
{
	return s->root_hash_bytes == set->root_hash_bytes &&
	       memcmp(s->root_hash, set->root_hash, s->root_hash_bytes) == 0;
}

/* Does the signature speak for the set's data, and for its root hash if one is known? */
static bool fits(const struct verity_set *set, const struct verity_candidate *c)
{
	struct uuid data;

	if (c->bad.code)
		return false;
	data = candidate_halves(c).data;
	return uuid_equal(&data, &set->data->uuid) &&
	       (!set->root_hash_bytes || same_hash(set, &c->parsed));
}

/* A signature that fits nothing: is it for data that this table does not have, or for
 * the chosen data, but another root hash? Then an update was interrupted, or worse. */
static bool is_stray(const struct gpt *gpt, const struct verity_set *set,
		     const struct verity_candidate *c)
{
	struct uuid data = candidate_halves(c).data;

	return uuid_equal(&data, &set->data->uuid) ||
	       !gpt_find(gpt, dps_type(set->designator, DPS_DATA), &data);
}

/* Nothing fits. A signature that cannot be read might be the one: that is no licence
 * to go on without it. */
static int explain_no_signature(const struct gpt *gpt, const struct verity_set *set,
				const struct verity_candidate candidates[], size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (candidates[i].bad.code) {
			*e = candidates[i].bad;
			return err_in(e, "signature partition '%s' (%s)",
				      candidates[i].partition->label,
				      devname(candidates[i].partition));
		}
	for (size_t i = 0; i < n; i++)
		if (is_stray(gpt, set, &candidates[i]))
			return err_set(e, ERR_SIGNATURE_MISMATCH, 0,
				       "signature '%s' (%s) is not for the root hash of '%s' (%s)",
				       candidates[i].partition->label,
				       devname(candidates[i].partition), set->data->label,
				       devname(set->data));
	return 0;
}

static int choose_signature(const struct gpt *gpt, struct verity_candidate candidates[], size_t n,
			    struct verity_set *set, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (fits(set, &candidates[i])) {
			set->signature = candidates[i].partition;
			set->parsed = candidates[i].parsed;
			candidates[i].parsed = (struct verity_signature){ 0 };
			memcpy(set->root_hash, set->parsed.root_hash, set->parsed.root_hash_bytes);
			set->root_hash_bytes = set->parsed.root_hash_bytes;
			return 0;
		}
	return explain_no_signature(gpt, set, candidates, n, e);
}

static int choose_hash(const struct gpt *gpt, struct verity_set *set, struct err *e)
{
	struct dps_halves h = dps_halves(set->root_hash, set->root_hash_bytes);
	char text[UUID_TEXT_BYTES];

	/* A partition without a UUID belongs to everything. */
	if (uuid_is_zero(&h.data) || uuid_is_zero(&h.hash))
		return err_set(e, ERR_ROOT_INCOMPLETE, 0,
			       "half of the root hash of '%s' (%s) is zero", set->data->label,
			       devname(set->data));
	set->hash = gpt_find(gpt, dps_type(set->designator, DPS_HASH), &h.hash);
	if (!set->hash)
		return err_set(e, ERR_ROOT_INCOMPLETE, 0, "'%s' (%s) lacks its hash partition '%s', which is %s",
			       set->data->label, devname(set->data), uuid_format(&h.hash, text),
			       absence(gpt, &h.hash));
	return 0;
}

static int check_overlaps(const struct verity_set *set, struct err *e)
{
	const struct partition *const all[] = { set->data, set->hash, set->signature };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i] && all[i]->overlaps)
			return err_set(e, ERR_GPT_OVERLAP, 0,
				       "partition '%s' (%s) overlaps another one", all[i]->label,
				       devname(all[i]));
	return 0;
}

static void explain_partners(const struct gpt *gpt, struct verity_set *set)
{
	if (set->hash)
		set->verdicts.why[set->hash - gpt->partitions] = "hash tree of the chosen one";
	if (set->signature)
		set->verdicts.why[set->signature - gpt->partitions] = "signature of the chosen one";
}

int verity_set_match(const struct gpt *gpt, enum designator d, const struct verity_set_wish *wish,
		     struct verity_candidate candidates[], size_t n, struct verity_set *ret,
		     struct err *e)
{
	SCOPED(verity_set_done) struct verity_set set = { .designator = d };
	int rc = choose_data(gpt, d, wish, &set, e);

	if (rc < 0)
		return rc;
	rc = choose_signature(gpt, candidates, n, &set, e);
	if (rc < 0)
		return rc;
	if (set.root_hash_bytes) {
		rc = choose_hash(gpt, &set, e);
		if (rc < 0)
			return rc;
	}
	rc = check_overlaps(&set, e);
	if (rc < 0)
		return rc;
	explain_partners(gpt, &set);
	*ret = set;
	set = (struct verity_set){ 0 };
	return 0;
}

static bool is_candidate(const struct partition *p, enum designator d)
{
	return uuid_equal(&p->type, dps_type(d, DPS_SIGNATURE)) && !dps_skips(p);
}

static int read_signature(const struct partition *p, unsigned sector_bytes, partition_reader read,
			  void *arg, struct verity_signature *ret, struct err *e)
{
	SCOPED(mem_free) uint8_t *buf = NULL;
	size_t n;
	int rc;

	if (p->n_lbas > SIGNATURE_MAX_BYTES / sector_bytes)
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0,
			       "signature partition has more than 4 MiB");
	n = (size_t)p->n_lbas * sector_bytes;
	buf = malloc(n);
	if (!buf)
		return err_set(e, ERR_MEMORY, 0,
			       "no memory for a signature partition of '%zu' bytes", n);
	rc = read(arg, p, buf, n, e);
	return rc < 0 ? rc : verity_signature_parse(buf, n, ret, e);
}

struct candidates {
	size_t n;
	struct verity_candidate c[MAX_CANDIDATES];
};

static void candidates_done(struct candidates *all)
{
	for (size_t i = 0; i < all->n; i++)
		verity_signature_done(&all->c[i].parsed);
}

/* One that cannot be read is remembered: another slot's must not stop this boot. */
static void read_candidates(const struct gpt *gpt, enum designator d, partition_reader read,
			    void *arg, struct candidates *all)
{
	for (size_t i = 0; i < gpt->n_partitions; i++) {
		const struct partition *p = &gpt->partitions[i];
		struct verity_candidate *c = &all->c[all->n];

		if (!is_candidate(p, d))
			continue;
		if (all->n == MAX_CANDIDATES) {
			log_warning("there are over %d signature partitions, ignoring the rest",
				    MAX_CANDIDATES);
			return;
		}
		*c = (struct verity_candidate){ .partition = p };
		all->n++;
		if (read_signature(p, gpt->sector_bytes, read, arg, &c->parsed, &c->bad) < 0)
			log_debug("signature partition '%s': %s", p->label, c->bad.what);
	}
}

int verity_set_read(const struct gpt *gpt, enum designator d, const struct verity_set_wish *wish,
		    partition_reader read, void *arg, struct verity_set *ret, struct err *e)
{
	SCOPED(candidates_done) struct candidates all = { 0 };

	read_candidates(gpt, d, read, arg, &all);
	return verity_set_match(gpt, d, wish, all.c, all.n, ret, e);
}

void verity_set_done(struct verity_set *set)
{
	verity_signature_done(&set->parsed);
	*set = (struct verity_set){ 0 };
}

unsigned verity_set_uses(const struct verity_set *set)
{
	if (!set->root_hash_bytes)
		return set->encrypted ? USE_ENCRYPTED : USE_UNPROTECTED;
	return USE_VERITY | (set->signature ? USE_SIGNED : 0);
}
