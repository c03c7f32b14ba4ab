/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "modules/inputs/device_timeout.h"
#include "modules/inputs/unsupported.h"

enum { /* beside those of enum word_flags */
	VALUE = 1 << 2, /* without a value: warned about and ignored */
	HOST = 1 << 3,  /* the host's word: what it makes of another value is its affair */
};

struct rule {
	const char *key;
	unsigned flags;
	size_t boolean; /* where it goes in struct options, and never first; or */
	int (*set)(struct options *o, const char *value, struct err *e);
	int (*luks)(struct luks_words *w, const char *value, struct err *e);
};

static int bad(struct err *e, const char *key, const char *value)
{
	return err_set(e, ERR_CMDLINE, 0, "'%s=%.80s' is not understood", key, value ? value : "");
}

static int copy_text(char *ret, size_t max, const char *key, const char *value, struct err *e)
{
	size_t n = strlen(value);

	if (n >= max)
		return err_set(e, ERR_CMDLINE, 0, "'%s=' is longer than %zu bytes", key, max - 1);
	memcpy(ret, value, n + 1);
	return 0;
}

bool number_parse(const char *text, unsigned max, unsigned *ret)
{
	unsigned n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || n > max / 10)
			return false;
		n = n * 10 + (unsigned)(*text - '0');
	}
	*ret = n;
	return n <= max;
}

/* The rest of the text after a prefix, or NULL. */
static const char *after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

static int device_parse(const char *key, const char *value, struct device_name *ret, struct err *e)
{
	return device_name_parse(value, ret) ? 0 : bad(e, key, value);
}

static bool is_one_of(const char *value, const char *const names[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(value, names[i]) == 0)
			return true;
	return false;
}

static int set_root(struct options *o, const char *value, struct err *e)
{
	static const char *const discovered[] = {
		"gpt-auto", "gpt-auto-force", "dissect", "dissect-force", "/dev/gpt-auto-root",
		"/dev/disk/by-designator/root", "/dev/mapper/root",
	};

	o->root_is_tmpfs = strcmp(value, "tmpfs") == 0;
	o->root = (struct device_name){ 0 };
	if (o->root_is_tmpfs || is_one_of(value, discovered, sizeof(discovered) / sizeof(*discovered)))
		return 0;
	if (after(value, "UUID=") || after(value, "LABEL="))
		return err_set(e, ERR_UNSUPPORTED, 0,
			       "'root=%.80s' names a file system, whose label proves nothing; "
			       "use PARTUUID=", value);
	if (!after(value, "/dev/") && !after(value, "PART"))
		return err_set(e, ERR_UNSUPPORTED, 0, "'root=%.80s' is no root of this initrd", value);
	return device_parse("root", value, &o->root, e);
}

/* A label is no name of a disk: several may have a partition called so. */
static int set_disk(struct options *o, const char *value, struct err *e)
{
	int rc = device_parse("slipway.disk", value, &o->disk, e);

	return rc >= 0 && *o->disk.label ? bad(e, "slipway.disk", value) : rc;
}

static int set_root_type(struct options *o, const char *value, struct err *e)
{
	return copy_text(o->root_type, sizeof(o->root_type), "rootfstype", value, e);
}

/* The root and a /usr are on one disk, which is awaited once. */
static int add_flags(struct options *o, char *flags, size_t max, const char *key, const char *value,
		     struct err *e)
{
	size_t used = strlen(flags);

	if (device_timeout_parse(value, &o->disk_timeout_s, e) < 0)
		return err_in(e, "'%s='", key);
	if (used)
		flags[used++] = ',';
	return copy_text(flags + used, max - used, key, value, e);
}

static int add_root_flags(struct options *o, const char *value, struct err *e)
{
	return add_flags(o, o->root_flags, sizeof(o->root_flags), "rootflags", value, e);
}

/* Where the /usr comes from; of the automatic words systemd takes all for "dissect". */
static int set_usr(struct options *o, const char *value, struct err *e)
{
	static const char *const discovered[] = {
		"dissect", "dissect-force", "gpt-auto", "gpt-auto-force", "/dev/mapper/usr",
		"/dev/disk/by-designator/usr",
	};

	o->has_usr = true;
	o->usr = (struct device_name){ 0 };
	if (is_one_of(value, discovered, sizeof(discovered) / sizeof(*discovered)))
		return 0;
	return device_parse("mount.usr", value, &o->usr, e);
}

static int set_usr_type(struct options *o, const char *value, struct err *e)
{
	o->has_usr = true;
	return copy_text(o->usr_type, sizeof(o->usr_type), "mount.usrfstype", value, e);
}

static int add_usr_flags(struct options *o, const char *value, struct err *e)
{
	o->has_usr = true;
	return add_flags(o, o->usr_flags, sizeof(o->usr_flags), "mount.usrflags", value, e);
}

static int set_ro(struct options *o, const char *value, struct err *e)
{
	(void)e;
	if (!value)
		o->writable = false;
	return 0;
}

static int set_rw(struct options *o, const char *value, struct err *e)
{
	(void)e;
	if (!value)
		o->writable = true;
	return 0;
}

static int set_init(struct options *o, const char *value, struct err *e)
{
	if (value[0] != '/')
		return bad(e, "init", value);
	return copy_text(o->init, sizeof(o->init), "init", value, e);
}

/* Whoever can append words must not be able to replace the hash that came first. */
static int set_hash(struct options *o, const char *key, const char *value, struct err *e)
{
	uint8_t hash[sizeof(o->root_hash)];
	int n = hex_decode(value, hash, sizeof(hash));

	if (n < 32)
		return bad(e, key, value);
	if (o->root_hash_bytes && (o->root_hash_bytes != (size_t)n || memcmp(o->root_hash, hash, (size_t)n) != 0))
		return err_set(e, ERR_CMDLINE, 0, "'%s=' is given twice with different values", key);
	memcpy(o->root_hash, hash, (size_t)n);
	o->root_hash_bytes = (size_t)n;
	return 0;
}

static int set_root_hash(struct options *o, const char *value, struct err *e)
{
	o->has_root_hash = true;
	return set_hash(o, "roothash", value, e);
}

static int set_usr_hash(struct options *o, const char *value, struct err *e)
{
	o->has_usr = true;
	return set_hash(o, "usrhash", value, e);
}

/* What is not understood counts as no. */
static int set_allow_user_space(struct options *o, const char *value, struct err *e)
{
	(void)e;
	if (!cmdline_boolean(value, &o->allow_user_space))
		o->allow_user_space = false;
	return 0;
}

static int set_image_policy(struct options *o, const char *value, struct err *e)
{
	/* An empty policy means "ignore everything": the longest text says so, too. */
	return copy_text(o->image_policy, sizeof(o->image_policy), "systemd.image_policy",
			 *value ? value : "-", e);
}

/* Without a value it filters nothing. */
static int set_image_filter(struct options *o, const char *value, struct err *e)
{
	return copy_text(o->image_filter, sizeof(o->image_filter), "systemd.image_filter",
			 value ? value : "", e);
}

static int set_volatile(struct options *o, const char *value, struct err *e)
{
	bool yes;

	if (value && strcmp(value, "overlay") == 0)
		o->volatile_mode = VOLATILE_OVERLAY;
	else if (value && strcmp(value, "state") == 0)
		o->volatile_mode = VOLATILE_STATE;
	else if (cmdline_boolean(value, &yes))
		o->volatile_mode = yes ? VOLATILE_YES : VOLATILE_NO;
	else
		return bad(e, "systemd.volatile", value);
	return 0;
}

/* What systemd-fsck does not understand, it ignores. */
static int set_fsck_mode(struct options *o, const char *value, struct err *e)
{
	(void)e;
	if (strcmp(value, "auto") != 0 && strcmp(value, "force") != 0 && strcmp(value, "skip") != 0) {
		log_warning("'fsck.mode=%.20s' is not understood, ignoring it", value);
		return 0;
	}
	o->fsck_force = *value == 'f';
	o->fsck_skip = *value == 's';
	return 0;
}

static int set_fsck_repair(struct options *o, const char *value, struct err *e)
{
	bool yes;

	(void)e;
	if (strcmp(value, "preen") == 0)
		o->fsck_repair = 'a';
	else if (cmdline_boolean(value, &yes))
		o->fsck_repair = yes ? 'y' : 'n';
	else
		log_warning("'fsck.repair=%.20s' is not understood, ignoring it", value);
	return 0;
}

/* The host's word, as far as anything comes of it. */
static int set_factory_reset(struct options *o, const char *value, struct err *e)
{
	(void)e;
	o->has_factory_reset = cmdline_boolean(value, &o->factory_reset);
	if (!o->has_factory_reset)
		log_warning("'systemd.factory_reset=%.20s' is not understood, ignoring it", value);
	return 0;
}

/* "no" would leave the TPM open for whoever can add a word: only "yes" counts. */
static int set_measure(struct options *o, const char *value, struct err *e)
{
	bool yes;

	if (!cmdline_boolean(value, &yes))
		return bad(e, "systemd.tpm2_measured_os", value);
	if (!yes)
		log_warning("'systemd.tpm2_measured_os=no' is ignored: a word cannot turn measuring off");
	o->measure |= yes;
	return 0;
}

static int set_debug(struct options *o, const char *value, struct err *e)
{
	(void)e;
	if (!value)
		o->log_level = LOG_DEBUG;
	return 0;
}

static int set_log_level(struct options *o, const char *value, struct err *e)
{
	static const struct { const char *name; enum log_level level; } levels[] = {
		{ "emerg", LOG_ERR }, { "alert", LOG_ERR }, { "crit", LOG_ERR }, { "err", LOG_ERR },
		{ "warning", LOG_WARNING }, { "notice", LOG_WARNING }, { "info", LOG_INFO },
		{ "debug", LOG_DEBUG }, { "0", LOG_ERR }, { "1", LOG_ERR }, { "2", LOG_ERR },
		{ "3", LOG_ERR }, { "4", LOG_WARNING }, { "5", LOG_WARNING }, { "6", LOG_INFO },
		{ "7", LOG_DEBUG },
	};

	(void)e;
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
		if (strcmp(value, levels[i].name) == 0) {
			o->log_level = levels[i].level;
			return 0;
		}
	log_warning("'systemd.log_level=%.20s' is no level, keeping the default", value);
	return 0;
}

static int set_timeout(struct options *o, const char *value, struct err *e)
{
	return number_parse(value, 3600, &o->timeout_s) ? 0 : bad(e, "slipway.timeout", value);
}

static int set_failure(struct options *o, const char *value, struct err *e)
{
	return failure_action_parse(value, &o->failure) ? 0 : bad(e, "slipway.failure", value);
}

static int set_failure_delay(struct options *o, const char *value, struct err *e)
{
	unsigned s;

	if (!number_parse(value, 3600, &s))
		return bad(e, "slipway.failure_delay", value);
	o->failure_delay_s = (int)s;
	return 0;
}

static const struct rule rules[] = {
	{ .key = "root", .flags = VALUE, .set = set_root },
	{ .key = "rootfstype", .flags = VALUE, .set = set_root_type },
	{ .key = "rootflags", .flags = VALUE, .set = add_root_flags },
	{ .key = "ro", .set = set_ro },
	{ .key = "rw", .set = set_rw },
	{ .key = "init", .flags = VALUE, .set = set_init },
	{ .key = "roothash", .flags = VALUE, .set = set_root_hash },
	{ .key = "mount.usr", .flags = VALUE, .set = set_usr },
	{ .key = "mount.usrfstype", .flags = VALUE, .set = set_usr_type },
	{ .key = "mount.usrflags", .flags = VALUE, .set = add_usr_flags },
	{ .key = "usrhash", .flags = VALUE, .set = set_usr_hash },
	{ .key = "systemd.verity", .flags = RD, .boolean = offsetof(struct options, verity) },
	{ .key = "systemd.gpt_auto", .flags = FOLD | RD, .boolean = offsetof(struct options, gpt_auto) },
	{ .key = "systemd.image_policy", .flags = FOLD | VALUE, .set = set_image_policy },
	{ .key = "systemd.image_filter", .flags = FOLD, .set = set_image_filter },
	{ .key = "systemd.allow_userspace_verity", .flags = FOLD, .set = set_allow_user_space },
	{ .key = "systemd.volatile", .set = set_volatile },
	{ .key = "systemd.tpm2_measured_os", .flags = FOLD, .set = set_measure },
	{ .key = "fsck.mode", .flags = FOLD | RD | VALUE, .set = set_fsck_mode },
	{ .key = "fsck.repair", .flags = FOLD | RD | VALUE, .set = set_fsck_repair },
	{ .key = "fstab", .flags = RD, .boolean = offsetof(struct options, fstab) },
	{ .key = "luks", .flags = RD, .boolean = offsetof(struct options, luks.may_open) },
	{ .key = "systemd.import_credentials", .flags = FOLD | RD, .boolean = offsetof(struct options, credentials) },
	{ .key = "luks.uuid", .flags = FOLD | RD | VALUE, .luks = luks_words_uuid },
	{ .key = "luks.name", .flags = FOLD | RD | VALUE, .luks = luks_words_name },
	{ .key = "luks.key", .flags = FOLD | RD | VALUE, .luks = luks_words_key },
	{ .key = "luks.options", .flags = FOLD | RD | VALUE, .luks = luks_words_options },
	/* Without "rd." the words are the host's. */
	{ .key = "rd.systemd.sysext", .boolean = offsetof(struct options, sysext) },
	{ .key = "rd.systemd.confext", .boolean = offsetof(struct options, confext) },
	{ .key = "systemd.sysext", .flags = HOST, .boolean = offsetof(struct options, host_sysext) },
	{ .key = "systemd.confext", .flags = HOST, .boolean = offsetof(struct options, host_confext) },
	/* Values may be large and many: credentials_import() takes them from the words. */
	{ .key = "systemd.set_credential", .flags = FOLD | VALUE, .set = NULL },
	{ .key = "systemd.set_credential_binary", .flags = FOLD | VALUE, .set = NULL },
	/* What the console shows is the kernel's to decide. */
	{ .key = "quiet", .set = NULL },
	{ .key = "debug", .set = set_debug },
	{ .key = "systemd.log_level", .flags = FOLD | RD | VALUE, .set = set_log_level },
	{ .key = "slipway.disk", .flags = VALUE, .set = set_disk },
	{ .key = "slipway.timeout", .flags = VALUE, .set = set_timeout },
	{ .key = "slipway.failure", .flags = VALUE, .set = set_failure },
	{ .key = "slipway.failure_delay", .flags = FOLD | VALUE, .set = set_failure_delay },
	{ .key = "systemd.factory_reset", .flags = FOLD, .set = set_factory_reset },
};

bool option_is(const char *key, const char *name)
{
	return word_is(key, name, FOLD);
}

static const struct rule *rule_for(const char *key)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (word_is(key, rules[i].key, rules[i].flags))
			return &rules[i];
	return NULL;
}

static int set_boolean(const struct rule *r, const char *value, struct options *o, struct err *e)
{
	if (cmdline_boolean(value, (bool *)((char *)o + r->boolean)))
		return 0;
	if (!(r->flags & HOST))
		return bad(e, r->key, value);
	log_warning("'%s=%.80s' is not understood, ignoring it", r->key, value);
	return 0;
}

static int pass_over(const char *key, struct err *e)
{
	const struct unsupported *u = unsupported_find(key);

	if (u && u->refusal)
		return err_set(e, ERR_UNSUPPORTED, 0, "'%s': %s", key, u->refusal);
	if (u)
		log_warning("'%s': %s", key, u->notice);
	else if (after(key, "slipway."))
		log_warning("'%.60s' is no word of ours, ignoring it", key);
	return 0;
}

static int apply(const struct cmdline_word *w, struct options *o, struct err *e)
{
	const struct rule *r = rule_for(w->key);

	if (!r)
		return pass_over(w->key, e);
	if ((r->flags & VALUE) && !w->value) {
		log_warning("'%s' needs a value, ignoring it", w->key);
		return 0;
	}
	if (r->boolean)
		return set_boolean(r, w->value, o, e);
	if (r->luks)
		return r->luks(&o->luks, w->value, e);
	return r->set ? r->set(o, w->value, e) : 0;
}

/* Beside a /usr the root is a tmpfs, or a partition that holds the state of the system. */
static int check_usr(struct options *o, struct err *e)
{
	bool names_root = o->root.has_uuid || *o->root.label || *o->root.node;

	if (o->has_root_hash && o->has_usr)
		return err_set(e, ERR_UNSUPPORTED, 0, "'roothash=' and a separate /usr: which of them is the system?");
	if (o->root_is_tmpfs && !o->has_usr)
		return err_set(e, ERR_UNSUPPORTED, 0,
			       "'root=tmpfs' needs 'mount.usr=dissect' or 'usrhash='");
	/* As a boolean it asks for what root=tmpfs names. */
	o->root_is_tmpfs |= o->has_usr && !names_root && o->volatile_mode == VOLATILE_YES;
	o->has_state = o->has_usr && !o->root_is_tmpfs;
	if (o->has_state && (o->volatile_mode == VOLATILE_YES || o->volatile_mode == VOLATILE_OVERLAY))
		return err_set(e, ERR_UNSUPPORTED, 0,
			       "a root partition beside /usr is for what stays, and 'systemd.volatile=' "
			       "is not: 'root=tmpfs' needs no partition");
	if (o->has_usr && o->volatile_mode == VOLATILE_OVERLAY)
		log_warning("'systemd.volatile=overlay' is ignored: the root is a tmpfs already");
	return 0;
}

int options_parse(const struct cmdline *c, struct options *ret, struct err *e)
{
	struct options o = OPTIONS_DEFAULTS;

	for (size_t i = 0; i < c->n_words; i++) {
		int rc = apply(&c->words[i], &o, e);

		if (rc < 0)
			return rc;
	}
	if (check_usr(&o, e) < 0)
		return -(int)e->code;
	*ret = o;
	return 0;
}
