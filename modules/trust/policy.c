/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/trust/policy.h"

#include <stdio.h>
#include <string.h>

#include "modules/trust/policy_rules.h"

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

static const struct flag_word {
	const char *text;
	struct policy_rule adds;
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

static bool add_flag(struct policy_rule *r, struct word w)
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
static int parse_flags(struct word text, struct policy_rule *ret, struct err *e)
{
	struct policy_rule r = { .given = true, .where = RULE_EXPLICIT };

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
static int parse_rule(struct word text, struct policy_rule rules[static POLICY_N_DESIGNATORS + 1],
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

static int parse_rules(const char *text, struct policy_rule rules[static POLICY_N_DESIGNATORS + 1],
		       struct err *e)
{
	struct policy_rule *fallback = &rules[POLICY_N_DESIGNATORS];

	*fallback = (struct policy_rule){ .use = USE_IGNORE, .where = RULE_DEFAULT };
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
static struct policy_rule implied_rule(const struct policy_rule rules[static POLICY_N_DESIGNATORS + 1], int d)
{
	const struct policy_rule *fallback = &rules[POLICY_N_DESIGNATORS];
	struct policy_rule r = *fallback;
	unsigned needs = 0;
	int data = protected_by(d, &needs);

	if (data >= 0) {
		const struct policy_rule *of = rules[data].given ? &rules[data] : fallback;

		if (of->use & needs) {
			/* It must be there only if the data can be nothing else. */
			unsigned otherwise = of->use & ~(needs | USE_IGNORE) ? USE_ABSENT : 0;

			return (struct policy_rule){
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

struct policy_rule policy_rule_for(const struct policy *p, int d)
{
	struct policy_rule r = p->rules[d].given ? p->rules[d] : implied_rule(p->rules, d);

	r.use &= (uint16_t)possible_uses(d);
	return r;
}

int policy_derive(struct policy *p)
{
	for (int d = 0; d < POLICY_N_DESIGNATORS; d++) {
		struct policy_rule r = policy_rule_for(p, d);

		p->use[d] = r.use;
		p->filesystems[d] = r.filesystems;
		p->read_only[d] = attribute_of(r.read_only);
		p->growfs[d] = attribute_of(r.growfs);
		p->rule[d] = p->type_rule[d] = r.where;
		if (!r.use)
			return d;
	}
	return -1;
}

int policy_parse(const char *text, struct policy *ret, struct err *e)
{
	struct policy p = { 0 };
	int rc = parse_rules(text, p.rules, e), d;

	if (rc < 0)
		return rc;
	d = policy_derive(&p);
	if (d >= 0)
		return err_set(e, ERR_POLICY_SYNTAX, 0,
			       "image policy: rule for '%s' allows nothing it can be",
			       designator_names[d]);
	*ret = p;
	return 0;
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
