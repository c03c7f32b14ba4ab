/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/trust/policy.h"

#include <stdio.h>
#include <string.h>

enum { USE_PROTECTED = USE_VERITY | USE_SIGNED | USE_ENCRYPTED | USE_ENCRYPTED_INTEGRITY };

static const char *const designator_names[POLICY_N_DESIGNATORS] = {
	[POLICY_ROOT] = "root",
	[POLICY_USR] = "usr",
	[POLICY_HOME] = "home",
	[POLICY_SRV] = "srv",
	[POLICY_ESP] = "esp",
	[POLICY_XBOOTLDR] = "xbootldr",
	[POLICY_SWAP] = "swap",
	[POLICY_ROOT_VERITY] = "root-verity",
	[POLICY_ROOT_VERITY_SIG] = "root-verity-sig",
	[POLICY_USR_VERITY] = "usr-verity",
	[POLICY_USR_VERITY_SIG] = "usr-verity-sig",
	[POLICY_TMP] = "tmp",
	[POLICY_VAR] = "var",
};

static const char *const use_names[] = {
	"verity", "signed", "encrypted", "encryptedwithintegrity",
	"unprotected", "unused", "absent",
};

static const char *const filesystem_names[] = {
	"btrfs", "erofs", "ext4", "f2fs", "squashfs", "vfat", "xfs",
};

#define N_OF(a) (sizeof(a) / sizeof(*(a)))

/* Two bits for an attribute: both or none of them mean that either is fine. */
enum { MAY_BE_OFF = 1, MAY_BE_ON = 2 };

/* What one rule says, before anything is derived. */
struct rule {
	uint16_t use, filesystems;
	uint8_t read_only, growfs; /* MAY_BE_* */
	bool given;
	uint8_t where; /* enum policy_rule */
};

static const struct flag_word {
	const char *text;
	struct rule adds;
} flag_words[] = {
	{ "open", { .use = USE_OPEN } },
	{ "ignore", { .use = USE_IGNORE } },
	{ "read-only-off", { .read_only = MAY_BE_OFF } },
	{ "read-only-on", { .read_only = MAY_BE_ON } },
	{ "growfs-off", { .growfs = MAY_BE_OFF } },
	{ "growfs-on", { .growfs = MAY_BE_ON } },
};

/* A piece of the policy's text. */
struct word {
	const char *p;
	size_t n;
};

static bool word_is(struct word w, const char *text)
{
	return w.n == strlen(text) && memcmp(w.p, text, w.n) == 0;
}

static int word_find(struct word w, const char *const names[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (word_is(w, names[i]))
			return (int)i;
	return -1;
}

int policy_designator(const char *name)
{
	return word_find((struct word){ name, strlen(name) }, designator_names,
			 POLICY_N_DESIGNATORS);
}

const char *policy_designator_name(enum policy_designator d)
{
	return designator_names[d];
}

static bool add_flag(struct rule *r, struct word w)
{
	int i = word_find(w, use_names, N_OF(use_names));

	if (i >= 0) {
		r->use |= (uint16_t)(1u << i);
		return true;
	}
	i = word_find(w, filesystem_names, N_OF(filesystem_names));
	if (i >= 0) {
		r->filesystems |= (uint16_t)(1u << i);
		return true;
	}
	for (size_t j = 0; j < N_OF(flag_words); j++)
		if (word_is(w, flag_words[j].text)) {
			r->use |= flag_words[j].adds.use;
			r->read_only |= flag_words[j].adds.read_only;
			r->growfs |= flag_words[j].adds.growfs;
			return true;
		}
	return false;
}

/* Parses "flag+flag"; an empty text or "-" has no flags. */
static int parse_flags(struct word text, struct rule *ret, struct err *e)
{
	struct rule r = { .given = true, .where = RULE_EXPLICIT };

	if (text.n && !word_is(text, "-"))
		for (const char *p = text.p, *end = text.p + text.n;; p++) {
			struct word flag = { p, strcspn(p, "+:") };

			if (!add_flag(&r, flag))
				return err_set(e, ERR_POLICY_SYNTAX, 0,
					       "image policy: unknown flag '%.*s' in '%.*s'",
					       (int)flag.n, flag.p, (int)text.n, text.p);
			p += flag.n;
			if (p == end)
				break;
		}
	if (!r.use)
		r.use = USE_OPEN;
	*ret = r;
	return 0;
}

/* Parses "designator=flags" into its place; index POLICY_N_DESIGNATORS is the default. */
static int parse_rule(struct word text, struct rule rules[static POLICY_N_DESIGNATORS + 1],
		      struct err *e)
{
	const char *equals = memchr(text.p, '=', text.n);
	struct word name = { text.p, equals ? (size_t)(equals - text.p) : 0 };
	int d = POLICY_N_DESIGNATORS;

	if (!equals)
		return err_set(e, ERR_POLICY_SYNTAX, 0, "image policy: rule '%.*s' has no '='",
			       (int)text.n, text.p);
	if (name.n)
		d = word_find(name, designator_names, POLICY_N_DESIGNATORS);
	if (d < 0)
		return err_set(e, ERR_POLICY_SYNTAX, 0, "image policy: unknown partition '%.*s'",
			       (int)name.n, name.p);
	if (rules[d].given)
		return err_set(e, ERR_POLICY_SYNTAX, 0, "image policy: second rule for '%.*s'",
			       (int)name.n, name.p);
	return parse_flags((struct word){ equals + 1, text.n - name.n - 1 }, &rules[d], e);
}

static int parse_rules(const char *text, struct rule rules[static POLICY_N_DESIGNATORS + 1],
		       struct err *e)
{
	struct rule *fallback = &rules[POLICY_N_DESIGNATORS];

	*fallback = (struct rule){ .use = USE_IGNORE, .where = RULE_DEFAULT };
	if (!*text || strcmp(text, "-") == 0)
		return 0;
	if (strcmp(text, "*") == 0) {
		fallback->use = USE_OPEN;
		return 0;
	}
	if (strcmp(text, "~") == 0) {
		fallback->use = USE_ABSENT;
		return 0;
	}
	for (const char *p = text;; p++) {
		struct word rule = { p, strcspn(p, ":") };
		int rc = parse_rule(rule, rules, e);

		if (rc < 0)
			return rc;
		p += rule.n;
		if (!*p)
			return 0;
	}
}

/* The data partition that d protects as hash or signature partition; *ret_needs is
 * what the data's rule must allow for d to be of use. Returns -1 for all others. */
static int protected_by(int d, unsigned *ret_needs)
{
	bool hash = d == POLICY_ROOT_VERITY || d == POLICY_USR_VERITY;
	bool signature = d == POLICY_ROOT_VERITY_SIG || d == POLICY_USR_VERITY_SIG;

	if (!hash && !signature)
		return -1;
	*ret_needs = hash ? USE_VERITY | USE_SIGNED : USE_SIGNED;
	return d == POLICY_ROOT_VERITY || d == POLICY_ROOT_VERITY_SIG ? POLICY_ROOT : POLICY_USR;
}

/* Protection that such a partition cannot have does not count. */
static unsigned possible_uses(int d)
{
	unsigned needs;

	if (protected_by(d, &needs) >= 0)
		return USE_OPEN & ~USE_PROTECTED;
	if (d == POLICY_ROOT || d == POLICY_USR)
		return USE_OPEN;
	return USE_OPEN & ~(USE_VERITY | USE_SIGNED);
}

/* The rule for a partition that is not listed. */
static struct rule implied_rule(const struct rule rules[static POLICY_N_DESIGNATORS + 1], int d)
{
	const struct rule *fallback = &rules[POLICY_N_DESIGNATORS];
	struct rule r = *fallback;
	unsigned needs = 0;
	int data = protected_by(d, &needs);

	if (data >= 0) {
		const struct rule *of = rules[data].given ? &rules[data] : fallback;

		if (of->use & needs) {
			/* It must be there only if the data can be nothing else. */
			unsigned otherwise = of->use & ~(needs | USE_IGNORE) ? USE_ABSENT : 0;

			return (struct rule){
				.use = (uint16_t)(USE_UNPROTECTED | (of->use & USE_IGNORE) |
						  otherwise),
				.read_only = of->read_only,
				.growfs = of->growfs,
				.where = RULE_DERIVED,
			};
		}
	}
	r.where = RULE_DEFAULT;
	r.use &= (uint16_t)possible_uses(d);
	if (!r.use)
		r.use = USE_IGNORE;
	return r;
}

static int8_t attribute_of(uint8_t may_be)
{
	return may_be == MAY_BE_ON ? 1 : may_be == MAY_BE_OFF ? 0 : -1;
}

int policy_parse(const char *text, struct policy *ret, struct err *e)
{
	struct rule rules[POLICY_N_DESIGNATORS + 1] = { 0 };
	struct policy p = { 0 };
	int rc = parse_rules(text, rules, e);

	if (rc < 0)
		return rc;
	for (int d = 0; d < POLICY_N_DESIGNATORS; d++) {
		struct rule r = rules[d].given ? rules[d] : implied_rule(rules, d);

		p.use[d] = (uint16_t)(r.use & possible_uses(d));
		p.filesystems[d] = r.filesystems;
		p.read_only[d] = attribute_of(r.read_only);
		p.growfs[d] = attribute_of(r.growfs);
		p.rule[d] = r.where;
		if (!p.use[d])
			return err_set(e, ERR_POLICY_SYNTAX, 0,
				       "image policy: rule for '%s' allows nothing it can be",
				       designator_names[d]);
	}
	*ret = p;
	return 0;
}

/* Where certificates are built in, a root hash alone is not enough: words can be added
 * to the command line, certificates cannot. What the host may do with partitions that
 * we do not use is left to it: it reads systemd.image_policy= too. */
const char *policy_floor(const char *configured, enum policy_designator d, bool has_certificates)
{
	if (*configured)
		return configured;
	if (d == POLICY_USR)
		return has_certificates ? "usr=signed:=open" : "usr=verity+signed:=open";
	return has_certificates ? "root=signed:=open" : "root=verity+signed:=open";
}

void policy_floor_for(struct policy *floor, enum policy_designator d)
{
	static const enum policy_designator pairs[][2] = {
		{ POLICY_ROOT, POLICY_USR },
		{ POLICY_ROOT_VERITY, POLICY_USR_VERITY },
		{ POLICY_ROOT_VERITY_SIG, POLICY_USR_VERITY_SIG },
	};

	if (d != POLICY_USR || floor->rule[POLICY_USR] == RULE_EXPLICIT ||
	    floor->rule[POLICY_ROOT] != RULE_EXPLICIT)
		return;
	for (size_t i = 0; i < N_OF(pairs); i++) {
		enum policy_designator from = pairs[i][0], to = pairs[i][1];

		if (floor->rule[to] == RULE_EXPLICIT)
			continue;
		floor->use[to] = floor->use[from];
		floor->filesystems[to] = floor->filesystems[from];
		floor->read_only[to] = floor->read_only[from];
		floor->growfs[to] = floor->growfs[from];
		floor->rule[to] = RULE_DERIVED;
	}
}

void policy_floor_beside(struct policy *floor)
{
	if (floor->rule[POLICY_ROOT] == RULE_EXPLICIT)
		return;
	floor->use[POLICY_ROOT] &= USE_VERITY | USE_SIGNED | USE_IGNORE;
	if (!floor->use[POLICY_ROOT])
		floor->use[POLICY_ROOT] = USE_IGNORE;
}

/* Leaves in *a what both allow; false if they contradict each other. */
static bool narrow_attribute(int8_t *a, int8_t floor)
{
	if (*a < 0)
		*a = floor;
	return floor < 0 || *a == floor;
}

static bool narrow_filesystems(uint16_t *a, uint16_t floor)
{
	if (!floor)
		return true;
	*a = *a ? *a & floor : floor;
	return *a != 0;
}

int policy_narrow(struct policy *p, const struct policy *floor, struct err *e)
{
	struct policy n = *p;

	for (int d = 0; d < POLICY_N_DESIGNATORS; d++) {
		char asked[96], allowed[96];

		n.use[d] &= floor->use[d];
		if (!n.use[d])
			return err_set(
				e, ERR_POLICY_REFUSED, 0,
				"image policy asks for '%s' as '%s', this initrd allows '%s'",
				policy_uses(p->use[d], asked, sizeof(asked)), designator_names[d],
				policy_uses(floor->use[d], allowed, sizeof(allowed)));
		if (!narrow_filesystems(&n.filesystems[d], floor->filesystems[d]) ||
		    !narrow_attribute(&n.read_only[d], floor->read_only[d]) ||
		    !narrow_attribute(&n.growfs[d], floor->growfs[d]))
			return err_set(e, ERR_POLICY_REFUSED, 0,
				       "the image policy contradicts this initrd's own for '%s'",
				       designator_names[d]);
		n.is_floors[d] = n.use[d] == floor->use[d];
		if (n.is_floors[d])
			n.rule[d] = floor->rule[d];
	}
	*p = n;
	return 0;
}

bool policy_is_weak(const struct policy *asked, const struct policy *floor,
		    enum policy_designator d)
{
	unsigned demanded = floor->use[d] & ~(unsigned)USE_IGNORE;

	return demanded == USE_SIGNED &&
	       (asked->use[d] & ~(unsigned)(USE_SIGNED | USE_IGNORE)) != 0;
}

static int check_attribute(int8_t wanted, bool is_on, const char *what, const char *name,
			   struct err *e)
{
	if (wanted < 0 || wanted == (is_on ? 1 : 0))
		return 0;
	return err_set(e, ERR_POLICY_REFUSED, 0,
		       "policy wants the %s attribute of '%s' %s, and it is %s", what, name,
		       wanted ? "on" : "off", is_on ? "on" : "off");
}

int policy_check(const struct policy *p, enum policy_designator d, unsigned found,
		 uint64_t attributes, const char *name, struct err *e)
{
	char allowed[96], has[96];
	int rc;

	if (!(p->use[d] & found))
		return err_set(e, ERR_POLICY_REFUSED, 0,
			       "policy allows '%s' for '%s', but the disk holds '%s'",
			       policy_uses(p->use[d], allowed, sizeof(allowed)), name,
			       policy_uses(found, has, sizeof(has)));
	if (!(found & ~(unsigned)USE_IGNORE))
		return 0;
	rc = check_attribute(p->read_only[d], attributes & POLICY_READ_ONLY, "read-only", name, e);
	if (rc < 0)
		return rc;
	return check_attribute(p->growfs[d], attributes & POLICY_GROWFS, "growfs", name, e);
}

int policy_check_filesystem(const struct policy *p, enum policy_designator d,
			    const char *filesystem, struct err *e)
{
	struct word w = { filesystem, strlen(filesystem) };
	int i = word_find(w, filesystem_names, N_OF(filesystem_names));

	if (!p->filesystems[d] || (i >= 0 && p->filesystems[d] & 1u << i))
		return 0;
	return err_set(e, ERR_POLICY_REFUSED, 0, "policy does not allow file system '%s' for '%s'",
		       filesystem, designator_names[d]);
}

static void append(const char *word, char *ret, size_t max)
{
	size_t used = strlen(ret);

	snprintf(ret + used, max - used, "%s%s", used ? "+" : "", word);
}

static void append_state(unsigned use, int read_only, int growfs, char *ret, size_t max)
{
	for (size_t i = 0; i < N_OF(use_names); i++)
		if (use & 1u << i)
			append(use_names[i], ret, max);
	if (read_only >= 0)
		append(read_only ? "read-only-on" : "read-only-off", ret, max);
	if (growfs >= 0)
		append(growfs ? "growfs-on" : "growfs-off", ret, max);
}

char *policy_state(unsigned use, int read_only, int growfs, char *ret, size_t max)
{
	if (!max)
		return ret;
	ret[0] = '\0';
	append_state(use, read_only, growfs, ret, max);
	return ret;
}

char *policy_uses(unsigned use, char *ret, size_t max)
{
	return policy_state(use, -1, -1, ret, max);
}

char *policy_words(const struct policy *p, enum policy_designator d, char *ret, size_t max)
{
	bool open = p->use[d] == possible_uses(d);

	if (!max)
		return ret;
	snprintf(ret, max, "%s", open ? "open" : "");
	append_state(open ? 0 : p->use[d], p->read_only[d], p->growfs[d], ret, max);
	for (size_t i = 0; i < N_OF(filesystem_names); i++)
		if (p->filesystems[d] & 1u << i)
			append(filesystem_names[i], ret, max);
	return ret;
}
