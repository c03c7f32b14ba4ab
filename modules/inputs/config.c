/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/config.h"

#include <stddef.h>
#include <string.h>

static bool set_policy(struct config *c, const char *value)
{
	if (strlen(value) >= sizeof(c->image_policy))
		return false;
	strcpy(c->image_policy, value);
	return true;
}

static bool set_tpm(struct config *c, const char *value)
{
	static const char *const names[] = {
		[TPM_ANNOUNCED] = "announced", [TPM_REQUIRED] = "required", [TPM_OPTIONAL] = "optional",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(value, names[i]) == 0) {
			c->tpm = (enum tpm_need)i;
			return true;
		}
	return false;
}

static bool set_pcr_scheme(struct config *c, const char *value)
{
	c->os_separator = strcmp(value, "261") == 0;
	return c->os_separator || strcmp(value, "257") == 0;
}

static bool set_flag(bool *flag, const char *value)
{
	*flag = strcmp(value, "yes") == 0;
	return *flag || strcmp(value, "no") == 0;
}

static bool set_failure(struct config *c, const char *value)
{
	return failure_action_parse(value, &c->failure);
}

static bool set_failure_delay(struct config *c, const char *value)
{
	return number_parse(value, 3600, &c->failure_delay_s);
}

static bool set_keep_failure(struct config *c, const char *value)
{
	c->keep_failure = strcmp(value, "efi") == 0;
	return c->keep_failure || strcmp(value, "no") == 0;
}

static bool set_failure_limit(struct config *c, const char *value)
{
	return failure_limit_parse(value, &c->failure_limit);
}

static bool set_timeout(struct config *c, const char *value)
{
	return number_parse(value, 3600, &c->timeout_s) && c->timeout_s > 0;
}

static bool set_fsck_timeout(struct config *c, const char *value)
{
	return number_parse(value, 86400, &c->fsck_timeout_s) && c->fsck_timeout_s > 0;
}

static bool set_corruption(struct config *c, const char *value)
{
	c->panic_on_corruption = strcmp(value, "panic") == 0;
	return c->panic_on_corruption || strcmp(value, "restart") == 0;
}

/* Words, each with its NUL, into max bytes. */
static bool set_words(char *out, size_t max, size_t *n_words, size_t max_words, const char *value)
{
	if (strlen(value) >= max)
		return false;
	*n_words = 0;
	while (*value) {
		size_t len = strcspn(value, " \t");

		if (len && (*n_words)++ == max_words)
			return false;
		memcpy(out, value, len);
		out += len;
		if (len)
			*out++ = '\0';
		value += len + strspn(value + len, " \t");
	}
	return true;
}

static bool set_modules(struct config *c, const char *value)
{
	return set_words(c->modules, sizeof(c->modules), &c->n_modules, CONFIG_MAX_MODULES, value);
}

static bool set_folders(char *out, size_t max, size_t *n_folders, const char *value)
{
	bool good = set_words(out, max, n_folders, CONFIG_MAX_FOLDERS, value);

	for (size_t i = 0; good && i < *n_folders; i++, out += strlen(out) + 1)
		good = *out == '/';
	return good;
}

static bool set_esp_folders(struct config *c, const char *value)
{
	return set_folders(c->esp_folders, sizeof(c->esp_folders), &c->n_esp_folders, value);
}

static bool set_host_folders(struct config *c, const char *value)
{
	return set_folders(c->host_folders, sizeof(c->host_folders), &c->n_host_folders, value);
}

/* Up to a tebibyte. */
static bool set_esp_max(struct config *c, const char *value)
{
	return number_parse(value, 1024 * 1024, &c->esp_max_mib) && c->esp_max_mib > 0;
}

static bool set_required_extensions(struct config *c, const char *value)
{
	return set_words(c->required_extensions, sizeof(c->required_extensions),
			 &c->n_required_extensions, CONFIG_MAX_EXTENSIONS, value);
}

static bool set_denied_certificate(struct config *c, const char *value)
{
	return digests_add(&c->denied_certificates, value, 32, 32);
}

static bool set_denied_root_hash(struct config *c, const char *value)
{
	return digests_add(&c->denied_root_hashes, value, 16, 64);
}

/* The characters of UAPI.10, and what image versions have besides. */
static bool set_minimum_version(struct config *c, const char *value)
{
	size_t n = strlen(value);

	if (!n || n >= sizeof(c->minimum_version) ||
	    strspn(value, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-~^+") != n)
		return false;
	strcpy(c->minimum_version, value);
	return true;
}

static bool set_secure_boot(struct config *c, const char *value)
{
	c->secure_boot_required = strcmp(value, "required") == 0;
	return c->secure_boot_required || strcmp(value, "optional") == 0;
}

static bool set_lockdown(struct config *c, const char *value)
{
	return lockdown_parse(value, &c->lockdown);
}

static bool set_luks_key(struct config *c, const char *value)
{
	return digests_add(&c->luks_keys, value, 32, 32);
}

/* "$6$SALT$" or "$6$rounds=N$SALT$", and 86 characters: crypt(3) with a salted SHA-512. */
static bool set_debug_key(struct config *c, const char *value)
{
	static const char letters[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const char *salt = value + (strncmp(value, "$6$", 3) == 0 ? 3 : 0), *hash;

	if (salt == value || strlen(value) >= sizeof(c->debug_key))
		return false;
	if (strncmp(salt, "rounds=", 7) == 0) {
		size_t n = strspn(salt + 7, "0123456789");

		if (n < 4 || n > 7 || salt[7 + n] != '$')
			return false;
		salt += 7 + n + 1;
	}
	hash = salt + strspn(salt, letters);
	if (hash - salt < 8 || hash - salt > 16 || *hash++ != '$' || strlen(hash) != 86 ||
	    strspn(hash, letters) != 86)
		return false;
	strcpy(c->debug_key, value);
	return true;
}

static const struct {
	const char *key;
	bool (*set)(struct config *c, const char *value);
} keys[] = {
	{ "image-policy", set_policy },
	{ "tpm", set_tpm },
	{ "pcr-scheme", set_pcr_scheme },
	{ "failure", set_failure },
	{ "failure-delay", set_failure_delay },
	{ "keep-failure", set_keep_failure },
	{ "failure-limit", set_failure_limit },
	{ "device-timeout", set_timeout },
	{ "fsck-timeout", set_fsck_timeout },
	{ "corruption", set_corruption },
	{ "modules", set_modules },
	{ "esp-extensions", set_esp_folders },
	{ "host-extensions", set_host_folders },
	{ "esp-extensions-max", set_esp_max },
	{ "required-extensions", set_required_extensions },
	{ "deny-certificate", set_denied_certificate },
	{ "deny-root-hash", set_denied_root_hash },
	{ "minimum-version", set_minimum_version },
	{ "secure-boot", set_secure_boot },
	{ "lockdown", set_lockdown },
	{ "luks-volume-key", set_luks_key },
	{ "debug-key", set_debug_key },
};

/* "yes" or "no", and where that goes in struct config. */
static const struct {
	const char *key;
	size_t at;
} flags[] = {
	{ "srk", offsetof(struct config, srk) },
	{ "luks-prompt", offsetof(struct config, luks_prompt) },
	{ "exitrd", offsetof(struct config, exitrd) },
	{ "root-extensions", offsetof(struct config, root_extensions) },
	{ "hook-scripts", offsetof(struct config, hook_scripts) },
	{ "hook-extensions", offsetof(struct config, hook_extensions) },
	{ "hook-measure", offsetof(struct config, hook_measure) },
};

static bool apply(struct config *c, const char *key, const char *value)
{
	if (strncmp(key, "failure.", 8) == 0)
		return failure_rules_set(&c->failure_rules, key + 8, value);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(key, keys[i].key) == 0)
			return keys[i].set(c, value);
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (strcmp(key, flags[i].key) == 0)
			return set_flag((bool *)((char *)c + flags[i].at), value);
	return false;
}

static int parse_line(struct config *c, char *line, unsigned number, struct err *e)
{
	char *value, *end;

	line += strspn(line, " \t");
	end = line + strlen(line);
	while (end > line && strchr(" \t\r", end[-1]))
		*--end = '\0';
	if (!*line || *line == '#')
		return 0;
	value = strchr(line, '=');
	if (!value)
		return err_set(e, ERR_CONFIG, 0, "slipway.conf:%u: '%.60s' is no key=value", number, line);
	*value++ = '\0';
	if (!apply(c, line, value))
		return err_set(e, ERR_CONFIG, 0, "slipway.conf:%u: '%.40s=%.60s' is not understood",
			       number, line, value);
	return 0;
}

/* An end that never came would be worse than none. */
static int settle_failure_limit(struct config *c, struct err *e)
{
	bool said = c->failure_limit.action != FAILURE_UNSET;

	if (c->failure_limit.n && !c->keep_failure)
		return err_set(e, ERR_CONFIG, 0, "slipway.conf: failure-limit=%u needs keep-failure=efi, where "
			       "failures are counted", c->failure_limit.n);
	if (!said && c->keep_failure)
		c->failure_limit = (struct failure_limit)FAILURE_LIMIT_DEFAULT;
	return 0;
}

int config_parse(const char *text, size_t n, struct config *ret, struct err *e)
{
	struct config c = CONFIG_DEFAULTS;
	const char *p = text, *end = text + n;

	for (unsigned number = 1; p < end; number++) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((eol ? eol : end) - p);
		char line[1200];
		int rc;

		if (len >= sizeof(line) || memchr(p, '\0', len))
			return err_set(e, ERR_CONFIG, 0, "slipway.conf:%u: no text line of at most %zu bytes",
				       number, sizeof(line) - 1);
		memcpy(line, p, len);
		line[len] = '\0';
		rc = parse_line(&c, line, number, e);
		if (rc < 0)
			return rc;
		p += len + 1;
	}
	if (settle_failure_limit(&c, e) < 0)
		return -ERR_CONFIG;
	*ret = c;
	return 0;
}
