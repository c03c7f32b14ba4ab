/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "modules/trust/policy.h"
#include "modules/verity/others.h"
#include "modules/verity/set.h"

/* A UUID or half a root hash is one byte repeated, so a root hash is two letters:
 * "aA" has the data partition 'a' and the hash partition 'A'. '0' is the null UUID. */
static struct uuid uuid_of(char c)
{
	struct uuid u;

	memset(u.b, c == '0' ? 0 : c, sizeof(u.b));
	return u;
}

static size_t hash_of(const char *letters, size_t n, uint8_t ret[static VERITY_MAX_HASH_BYTES])
{
	memset(ret, letters[0] == '0' ? 0 : letters[0], n / 2);
	memset(ret + n / 2, letters[1] == '0' ? 0 : letters[1], n - n / 2);
	return n;
}

/* A partition is "ROLE UUID LABEL FLAGS": role d(ata), h(ash) or s(ignature) of the root,
 * D, H and S of usr, or E(SP), m for home, w for swap; flags o(verlaps), n(o-auto). A signature's UUID is its root hash
 * instead, or "!!" if its bytes are bad. */
static const struct set_case {
	const char *name;
	const char *partitions[8];
	const char *root_hash; /* wished for */
	const char *label;
	char uuid;
	enum err_code code;
	const char *chosen; /* labels of data, hash and signature */
	unsigned uses;
} cases[] = {
	{ .name = "a set", .partitions = { "d a v1", "h A v1h", "s aA v1s" }, .chosen = "v1 v1h v1s",
	  .uses = USE_VERITY | USE_SIGNED },
	{ .name = "the newer of two", .partitions = { "d a v1", "h A v1h", "s aA v1s", "d b v2", "h B v2h", "s bB v2s" },
	  .chosen = "v2 v2h v2s", .uses = USE_VERITY | USE_SIGNED },
	{ .name = "in any order", .partitions = { "s aA v1s", "h B v2h", "s bB v2s", "d b v2", "d a v1", "h A v1h" },
	  .chosen = "v2 v2h v2s", .uses = USE_VERITY | USE_SIGNED },
	{ .name = "labels of the others do not matter",
	  .partitions = { "d a v1", "h A v9h", "s aA v9s", "d b v2", "h B v0h", "s bB v0s" },
	  .chosen = "v2 v0h v0s", .uses = USE_VERITY | USE_SIGNED },
	{ .name = "only usr's are near", .partitions = { "d a v1", "H A v1h", "S aA v1s" }, .chosen = "v1 - -",
	  .uses = USE_UNPROTECTED },
	{ .name = "one hash partition, two data", .partitions = { "d a v1", "d b v2", "h A h", "s aA s1", "s bA s2" },
	  .chosen = "v2 h s2", .uses = USE_VERITY | USE_SIGNED },
	{ .name = "signed twice", .partitions = { "d a v1", "h A h", "s aA s1", "s aA s2" }, .chosen = "v1 h s1",
	  .uses = USE_VERITY | USE_SIGNED },

	{ .name = "no data", .partitions = { "h A h", "s aA s" }, .code = ERR_ROOT_MISSING },
	{ .name = "plain", .partitions = { "d a v1" }, .chosen = "v1 - -", .uses = USE_UNPROTECTED },
	{ .name = "only a hash partition", .partitions = { "d a v1", "h A h" }, .chosen = "v1 - -",
	  .uses = USE_UNPROTECTED },
	{ .name = "other slot's signature", .partitions = { "d a v1", "d b v2", "h A h", "s aA s" }, .chosen = "v2 - -",
	  .uses = USE_UNPROTECTED },
	{ .name = "stray signature", .partitions = { "d a v1", "h A h", "s xA s" }, .code = ERR_SIGNATURE_MISMATCH },
	{ .name = "stray beside a fitting one", .partitions = { "d a v1", "h A h", "s xX s", "s aA t" },
	  .chosen = "v1 h t", .uses = USE_VERITY | USE_SIGNED },
	{ .name = "bad signature", .partitions = { "d a v1", "h A h", "s !! s" }, .code = ERR_SIGNATURE_MALFORMED },
	{ .name = "bad beside a fitting one", .partitions = { "d a v1", "h A h", "s !! s", "s aA t" },
	  .chosen = "v1 h t", .uses = USE_VERITY | USE_SIGNED },
	{ .name = "bad rather than stray", .partitions = { "d a v1", "h A h", "s xX s", "s !! t" },
	  .code = ERR_SIGNATURE_MALFORMED },
	{ .name = "no hash partition", .partitions = { "d a v1", "h B h", "s aA s" }, .code = ERR_ROOT_INCOMPLETE },
	{ .name = "hash partition of usr", .partitions = { "d a v1", "H A h", "s aA s" }, .code = ERR_ROOT_INCOMPLETE },
	{ .name = "null data", .partitions = { "d 0 v1", "h A h", "s 0A s" }, .code = ERR_ROOT_INCOMPLETE },
	{ .name = "null hash", .partitions = { "d a v1", "h 0 h", "s a0 s" }, .code = ERR_ROOT_INCOMPLETE },
	{ .name = "data overlaps", .partitions = { "d a v1 o", "h A h", "s aA s" }, .code = ERR_GPT_OVERLAP },
	{ .name = "hash overlaps", .partitions = { "d a v1", "h A h o", "s aA s" }, .code = ERR_GPT_OVERLAP },
	{ .name = "signature overlaps", .partitions = { "d a v1", "h A h", "s aA s o" }, .code = ERR_GPT_OVERLAP },
	{ .name = "something else overlaps", .partitions = { "d a v1", "h A h", "s aA s", "h C x o" },
	  .chosen = "v1 h s", .uses = USE_VERITY | USE_SIGNED },
	{ .name = "same version twice", .partitions = { "d a v1", "d b v1", "h A h", "s aA s" },
	  .code = ERR_ROOT_AMBIGUOUS },

	{ .name = "asked by label", .partitions = { "d a v1", "h A v1h", "s aA v1s", "d b v2", "h B v2h", "s bB v2s" },
	  .label = "v1", .chosen = "v1 v1h v1s", .uses = USE_VERITY | USE_SIGNED },
	{ .name = "asked by UUID", .partitions = { "d a v1", "h A v1h", "s aA v1s", "d b v2", "h B v2h", "s bB v2s" },
	  .uuid = 'a', .chosen = "v1 v1h v1s", .uses = USE_VERITY | USE_SIGNED },
	{ .name = "asked in vain", .partitions = { "d a v1", "h A h", "s aA s" }, .label = "v2", .code = ERR_ROOT_MISSING },

	{ .name = "root hash", .partitions = { "d a v1", "h A h" }, .root_hash = "aA", .chosen = "v1 h -", .uses = USE_VERITY },
	{ .name = "root hash of the older", .partitions = { "d a v1", "h A h1", "s aA s1", "d b v2", "h B h2", "s bB s2" },
	  .root_hash = "aA", .chosen = "v1 h1 s1", .uses = USE_VERITY | USE_SIGNED },
	{ .name = "root hash, no data", .partitions = { "d a v1", "h A h" }, .root_hash = "bA", .code = ERR_ROOT_INCOMPLETE },
	{ .name = "root hash, no hash", .partitions = { "d a v1", "h A h" }, .root_hash = "aB", .code = ERR_ROOT_INCOMPLETE },
	{ .name = "root hash, other signature", .partitions = { "d a v1", "h A h", "h B i", "s aB s" }, .root_hash = "aA",
	  .code = ERR_SIGNATURE_MISMATCH },
	{ .name = "root hash, other signature first", .partitions = { "d a v1", "h A h", "h B i", "s aB s", "s aA t" },
	  .root_hash = "aA", .chosen = "v1 h t", .uses = USE_VERITY | USE_SIGNED },
	{ .name = "root hash, stray signature", .partitions = { "d a v1", "h A h", "s xX s" }, .root_hash = "aA",
	  .code = ERR_SIGNATURE_MISMATCH },
	{ .name = "root hash, bad signature", .partitions = { "d a v1", "h A h", "s !! s" }, .root_hash = "aA",
	  .code = ERR_SIGNATURE_MALFORMED },
	{ .name = "root hash, other slot's signature", .partitions = { "d a v1", "h A h", "d b v2", "s bB s" },
	  .root_hash = "aA", .chosen = "v1 h -", .uses = USE_VERITY },
	{ .name = "root hash and another label", .partitions = { "d a v1", "h A h", "d b v2", "h B i" }, .root_hash = "aA",
	  .label = "v2", .code = ERR_ROOT_MISSING },
	{ .name = "root hash and another UUID", .partitions = { "d a v1", "h A h", "d b v2", "h B i" }, .root_hash = "aA",
	  .uuid = 'b', .code = ERR_ROOT_INCOMPLETE },
	{ .name = "root hash and its label", .partitions = { "d a v1", "h A h" }, .root_hash = "aA", .label = "v1",
	  .uuid = 'a', .chosen = "v1 h -", .uses = USE_VERITY },
	{ .name = "null root hash", .partitions = { "d 0 v1", "h 0 h" }, .root_hash = "00", .code = ERR_ROOT_INCOMPLETE },
	{ .name = "root hash of no-auto data", .partitions = { "d a v1 n", "h A h" }, .root_hash = "aA",
	  .code = ERR_ROOT_MISSING },
};

struct table {
	struct partition partitions[8];
	struct verity_candidate candidates[8];
	struct gpt gpt;
	size_t n_candidates;
};

static void add_candidate(struct table *t, const struct partition *p, const char *hash)
{
	struct verity_candidate *c = &t->candidates[t->n_candidates++];
	struct err bad = { 0 };

	c->partition = p;
	if (hash[0] == '!') {
		assert_true(err_set(&bad, ERR_SIGNATURE_MALFORMED, 0, "signature is bad") < 0);
		c->bad = bad;
		return;
	}
	c->parsed.root_hash_bytes = hash_of(hash, 32, c->parsed.root_hash);
	c->parsed.der = malloc(1);
	c->parsed.der_bytes = 1;
}

/* The table, and the signatures of the root or of usr. */
static void build(const struct set_case *c, enum designator d, struct table *t)
{
	const char signature = d == DPS_USR ? 'S' : 's';
	static const char roles[] = "dhs", usr_roles[] = "DHS", others[] = "Emw";
	static const char *const other_types[] = {
		"c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "933ac7e1-2eb4-4f13-b844-0e14e2aef915",
		"0657fd6d-a4ab-43c4-84e5-0933c84b4f4f",
	};

	memset(t, 0, sizeof(*t));
	t->gpt.partitions = t->partitions;
	for (size_t i = 0; i < 8 && c->partitions[i]; i++) {
		struct partition *p = &t->partitions[i];
		char role, id[3], flags[4] = "";
		const char *is_usr;

		assert_true(sscanf(c->partitions[i], "%c %2s %36s %3s", &role, id, p->label, flags) >= 3);
		is_usr = strchr(usr_roles, role);
		if (strchr(others, role))
			assert_true(uuid_from_text(other_types[strchr(others, role) - others], &p->type));
		else
			p->type = *dps_type(is_usr ? DPS_USR : DPS_ROOT,
					    (enum role)(is_usr ? is_usr - usr_roles : strchr(roles, role) - roles));
		p->uuid = uuid_of(role == signature ? (char)('k' + i) : id[0]);
		p->overlaps = strchr(flags, 'o');
		p->attributes = strchr(flags, 'n') ? GPT_ATTR_NO_AUTO : 0;
		p->number = (unsigned)i + 1;
		t->gpt.n_partitions = i + 1;
		if (role == signature)
			add_candidate(t, p, id);
	}
}

static void check(const struct set_case *c, const struct verity_set *set)
{
	char chosen[3 * GPT_LABEL_BYTES + 3];

	snprintf(chosen, sizeof(chosen), "%s %s %s", set->data->label, set->hash ? set->hash->label : "-",
		 set->signature ? set->signature->label : "-");
	if (strcmp(chosen, c->chosen) != 0)
		fail_msg("case '%s' chose '%s', not '%s'", c->name, chosen, c->chosen);
	if (verity_set_uses(set) != c->uses)
		fail_msg("case '%s' uses %x, not %x", c->name, verity_set_uses(set), c->uses);
	if (!set->signature != !set->parsed.der)
		fail_msg("case '%s' has not the signature's bytes", c->name);
	if (!set->hash != !set->root_hash_bytes)
		fail_msg("case '%s' has %zu bytes of root hash", c->name, set->root_hash_bytes);
}

static void matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct set_case *c = &cases[i];
		struct uuid uuid = uuid_of(c->uuid);
		struct verity_set_wish wish = { .data = { .label = c->label, .uuid = c->uuid ? &uuid : NULL } };
		uint8_t hash[VERITY_MAX_HASH_BYTES];
		struct verity_set set;
		struct err e = { 0 };
		struct table t;
		int rc;

		build(c, DPS_ROOT, &t);
		if (c->root_hash) {
			wish.root_hash_bytes = hash_of(c->root_hash, 32, hash);
			wish.root_hash = hash;
		}
		rc = verity_set_match(&t.gpt, DPS_ROOT, &wish, t.candidates, t.n_candidates, &set, &e);
		assert_code(rc, &e, c->code, c->name);
		if (rc == 0) {
			check(c, &set);
			verity_set_done(&set);
		}
		for (size_t j = 0; j < t.n_candidates; j++)
			verity_signature_done(&t.candidates[j].parsed);
	}
}

/* UAPI.2 takes the first and the last 128 bits, whatever lies between; a hash must have them. */
static void root_hash_lengths(void **state)
{
	static const struct set_case disk = { .partitions = { "d a v1", "h A h" } };
	static const struct { size_t n; enum err_code code; } lengths[] = {
		{ 15, ERR_CMDLINE }, { 32, ERR_NONE }, { 48, ERR_NONE }, { 64, ERR_NONE }, { 65, ERR_CMDLINE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		uint8_t hash[VERITY_MAX_HASH_BYTES] = { 0 };
		struct verity_set_wish wish = { .root_hash = hash, .root_hash_bytes = lengths[i].n };
		struct verity_set set;
		struct err e = { 0 };
		struct table t;
		int rc;

		build(&disk, DPS_ROOT, &t);
		hash_of("aA", lengths[i].n > 64 ? 64 : lengths[i].n, hash);
		rc = verity_set_match(&t.gpt, DPS_ROOT, &wish, NULL, 0, &set, &e);
		assert_code(rc, &e, lengths[i].code, "length");
		if (rc == 0)
			verity_set_done(&set);
	}
}

/* Besides a whole set, which is before all of these. */
static const struct others_case {
	const char *partitions[5];
	const char *policy;
	const char *refused; /* what the message names; NULL if all is allowed */
} others_cases[] = {
	/* Any usual disk under the usual floors, and under short policies. */
	{ { "E e esp", "m m home", "w w swap" }, "root=signed:=open", NULL },
	{ { "E e esp", "m m home", "w w swap" }, "root=verity+signed:=open", NULL },
	{ { "E e esp", "m m home", "D u usr" }, "root=signed", NULL },
	{ { "E e esp", "D u usr" }, "root=signed:=absent+unused", NULL },
	{ { NULL }, "root=signed:=absent", NULL },

	{ { "D u usr" }, "root=signed:usr=absent", "'usr'" },
	{ { "D u usr n" }, "root=signed:usr=absent", NULL },
	{ { "D u _empty" }, "root=signed:usr=absent", NULL },
	{ { NULL }, "root=signed:usr=verity", "'absent'" },
	{ { "D u usr" }, "root=signed:usr=verity", "'usr'" },
	{ { "D u usr", "H v usrh" }, "root=signed:usr=verity", NULL },
	{ { "D u usr", "H v usrh" }, "root=signed:usr=signed", "'usr'" },
	{ { "D u usr", "H v usrh", "S uU usrs" }, "root=signed:usr=signed", NULL },
	{ { "D u usr", "H v usrh" }, "root=signed:usr=unprotected", NULL },
	{ { "D u usr", "H v usrh" }, "root=signed:usr=signed+unprotected", "'usr'" },
	{ { "H v usrh" }, "root=signed:usr-verity=absent", "'usr-verity'" },
	{ { "S uU usrs" }, "root=signed:usr-verity-sig=absent", "'usr-verity-sig'" },
	{ { NULL }, "root=signed:root-verity-sig=absent", "'root-verity-sig'" },
	{ { NULL }, "root=signed:root-verity=absent", "'root-verity'" },
	{ { NULL }, "root=signed:root-verity=read-only-on", "read-only" },
	{ { "E e esp" }, "root=signed:esp=absent", "'esp'" },
	{ { "E e esp n" }, "root=signed:esp=absent", "'esp'" },
	{ { "E e esp" }, "root=signed:esp=encrypted", "'esp'" },
	{ { "m m home" }, "root=signed:home=absent", "'home'" },
	{ { "m m home" }, "root=signed:home=encrypted", NULL },
	{ { "m m home" }, "root=signed:home=unprotected+read-only-on", "read-only" },
	{ { "m m home" }, "root=signed:home=unused+read-only-on", NULL },
	{ { "w w swap" }, "root=signed:=absent", "'swap'" },
};

/* Where the system is in a /usr, it is the root that is one of the others. */
static const struct others_case others_of_usr[] = {
	{ { NULL }, "usr=signed", NULL },
	{ { NULL }, "usr=signed:usr-verity=absent", "'usr-verity'" },
	{ { NULL }, "usr=signed:usr-verity-sig=absent", "'usr-verity-sig'" },
	{ { "d a root" }, "usr=signed:=open", NULL },
	{ { "d a root" }, "usr=signed:root=absent", "'root'" },
	{ { "d a root" }, "usr=signed:root=signed", "'root'" },
	{ { "d a root", "h b rooth" }, "usr=signed:root=signed", "'root'" },
	{ { "d a root", "h b rooth", "s aA roots" }, "usr=signed:root=signed", NULL },
	{ { NULL }, "usr=signed:root=signed", "'absent'" },
};

static void check_others(const struct others_case *c, enum designator d)
{
	struct set_case all[] = {
		[DPS_ROOT] = { .partitions = { "d a v1", "h A v1h", "s aA v1s" } },
		[DPS_USR] = { .partitions = { "D u v1", "H U v1h", "S uU v1s" } },
	};
	struct verity_set set;
	struct policy_verdicts verdicts = { 0 };
	struct policy policy;
	struct err e = { 0 };
	struct table t;
	int rc;

	for (size_t i = 0; i < 5 && c->partitions[i]; i++)
		all[d].partitions[3 + i] = c->partitions[i];
	build(&all[d], d, &t);
	assert_int_equal(policy_parse(c->policy, &policy, &e), 0);
	assert_int_equal(verity_set_match(&t.gpt, d, &(struct verity_set_wish){ 0 }, t.candidates,
					  t.n_candidates, &set, &e), 0);
	rc = others_check(&t.gpt, &set, &policy, &verdicts, &e);
	assert_code(rc, &e, c->refused ? ERR_POLICY_REFUSED : ERR_NONE, c->policy);
	if (rc < 0 && !strstr(e.what, c->refused))
		fail_msg("policy '%s' says '%s'", c->policy, e.what);
	verity_set_done(&set);
}

static void others(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(others_cases) / sizeof(*others_cases); i++)
		check_others(&others_cases[i], DPS_ROOT);
	for (size_t i = 0; i < sizeof(others_of_usr) / sizeof(*others_of_usr); i++)
		check_others(&others_of_usr[i], DPS_USR);
}

/* What systemd's own test says of an image with a signed root and nothing else, case by case. */
static const struct verdict_case {
	const char *policy;
	enum err_code systemd, ours;
} verdict_cases[] = {
	{ "*", ERR_NONE, ERR_NONE },
	{ "~", ERR_POLICY_REFUSED, ERR_POLICY_REFUSED },
	{ "-", ERR_POLICY_REFUSED, ERR_POLICY_REFUSED },
	{ "root=absent", ERR_POLICY_REFUSED, ERR_POLICY_REFUSED },
	{ "swap=unprotected+encrypted+verity", ERR_POLICY_REFUSED, ERR_POLICY_REFUSED },
	{ "root=verity", ERR_NONE, ERR_NONE },
	{ "root=verity:root-verity-sig=unused+absent", ERR_NONE, ERR_NONE },
	{ "root=verity:swap=absent", ERR_NONE, ERR_NONE },
	{ "root=verity:swap=absent+unprotected", ERR_NONE, ERR_NONE },
	{ "root=verity:root-verity=unused+absent", ERR_POLICY_REFUSED, ERR_POLICY_REFUSED },
	{ "root=signed", ERR_NONE, ERR_NONE },
	{ "root=signed:root-verity-sig=unused+absent", ERR_POLICY_REFUSED, ERR_POLICY_REFUSED },
	{ "root=signed:root-verity=unused+absent", ERR_POLICY_REFUSED, ERR_POLICY_REFUSED },
	{ "root=encrypted", ERR_POLICY_REFUSED, ERR_POLICY_REFUSED },
	/* The one difference: it would use the root without its proof. */
	{ "root=unprotected", ERR_NONE, ERR_POLICY_REFUSED },
};

static void agrees_with_systemd(void **state)
{
	static const struct set_case image = { .partitions = { "d a v1", "h A v1h", "s aA v1s" } };
	size_t n_different = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(verdict_cases) / sizeof(*verdict_cases); i++) {
		const struct verdict_case *c = &verdict_cases[i];
		struct policy_verdicts verdicts;
		struct verity_set set;
		struct policy policy;
		struct err e = { 0 };
		struct table t;
		int rc;

		build(&image, DPS_ROOT, &t);
		assert_int_equal(policy_parse(c->policy, &policy, &e), 0);
		assert_int_equal(verity_set_match(&t.gpt, DPS_ROOT, &(struct verity_set_wish){ 0 },
						  t.candidates, t.n_candidates, &set, &e), 0);
		rc = verity_set_check(&t.gpt, &set, &policy, &verdicts, &e);
		assert_code(rc, &e, c->ours, c->policy);
		n_different += c->systemd != c->ours;
		verity_set_done(&set);
	}
	assert_int_equal(n_different, 1);
}

/* Every partition has its verdict, also behind the first that is refused. */
static void every_partition_has_a_verdict(void **state)
{
	static const struct {
		const char *partitions[6], *policy, *said;
		enum err_code code;
	} all[] = {
		{ { "d a v1", "h A v1h", "s aA v1s", "E e esp" }, "root=signed:=open",
		  "root root-verity root-verity-sig esp", ERR_NONE },
		{ { "d a v1", "h A v1h", "s aA v1s", "m m home" }, "root=signed:usr=verity:home=absent",
		  "root root-verity root-verity-sig !usr !usr-verity !home", ERR_POLICY_REFUSED },
		{ { "d a v1", "h A v1h", "s aA v1s", "w w swap" }, "root=signed",
		  "root root-verity root-verity-sig swap", ERR_NONE },
		{ { "d a v1", "h A v1h", "s aA v1s" }, "root=encrypted:srv=encrypted",
		  "!root !root-verity !root-verity-sig !srv", ERR_POLICY_REFUSED },
		/* Allowed, and yet never used. */
		{ { "d a v1" }, "root=unprotected", "!root", ERR_ROOT_UNPROTECTED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct set_case disk = { 0 };
		struct policy_verdicts verdicts;
		struct verity_set set;
		struct policy policy;
		struct err e = { 0 };
		char said[128] = "";
		struct table t;
		int rc;

		memcpy(disk.partitions, all[i].partitions, sizeof(all[i].partitions));
		build(&disk, DPS_ROOT, &t);
		assert_int_equal(policy_parse(all[i].policy, &policy, &e), 0);
		assert_int_equal(verity_set_match(&t.gpt, DPS_ROOT, &(struct verity_set_wish){ 0 },
						  t.candidates, t.n_candidates, &set, &e), 0);
		rc = verity_set_check(&t.gpt, &set, &policy, &verdicts, &e);
		assert_code(rc, &e, all[i].code, all[i].policy);
		for (size_t k = 0; k < verdicts.n; k++)
			snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%s%s", k ? " " : "",
				 verdicts.of[k].refused ? "!" : "",
				 policy_designator_name(verdicts.of[k].designator));
		assert_string_equal(said, all[i].said);
		verity_set_done(&set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(matches), UNIT_TEST(root_hash_lengths), UNIT_TEST(others),
		UNIT_TEST(agrees_with_systemd), UNIT_TEST(every_partition_has_a_verdict),
	};

	return cmocka_run_group_tests_name("set", tests, NULL, NULL);
}
