/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/option.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mkinitrd/closure.h"
#include "mkinitrd/compress.h"
#include "mkinitrd/profile.h"
#include "modules/inputs/options.h"
#include "modules/trust/policy.h"

enum { VERSION_MAX = 128 };

int words_push(struct words *w, const char *word, struct err *e)
{
	char **grown = realloc(w->v, (w->n + 2) * sizeof(*grown));
	char *copy = strdup(word);

	if (grown)
		w->v = grown;
	if (!grown || !copy) {
		free(copy);
		return err_set(e, ERR_MEMORY, 0, "no memory for '%.100s'", word);
	}
	w->v[w->n++] = copy;
	w->v[w->n] = NULL;
	return 0;
}

static void *at(struct build_options *o, size_t member)
{
	return (char *)o + member;
}

static int set_text(struct build_options *o, size_t member, const char *value, struct err *e)
{
	(void)e;
	*(const char **)at(o, member) = value;
	return 0;
}

static int set_list(struct build_options *o, size_t member, const char *value, struct err *e)
{
	return words_push(at(o, member), value, e);
}

static int set_switch(struct build_options *o, size_t member, const char *value, struct err *e)
{
	bool yes = strcmp(value, "yes") == 0;

	if (!yes && strcmp(value, "no") != 0)
		return err_set(e, ERR_CONFIG, 0, "'%.60s' is not yes or no", value);
	*(bool *)at(o, member) = yes;
	return 0;
}

static int set_sysroot(struct build_options *o, size_t member, const char *value, struct err *e)
{
	return set_text(o, member, strcmp(value, "/") == 0 ? "" : value, e);
}

/* The word becomes part of paths. */
static int set_kernel(struct build_options *o, size_t member, const char *value, struct err *e)
{
	struct words *kernels = at(o, member);

	if (strchr(value, '/') || value[0] == '.' || strlen(value) > VERSION_MAX)
		return err_set(e, ERR_CONFIG, 0,
			       "'%.128s' is no kernel version; uname -r shows one", value);
	for (size_t i = 0; i < kernels->n; i++)
		if (strcmp(kernels->v[i], value) == 0)
			return 0;
	return words_push(kernels, value, e);
}

static int set_profile(struct build_options *o, size_t member, const char *value, struct err *e)
{
	if (!profile_known(value))
		return err_set(e, ERR_CONFIG, 0,
			       "'%.60s' is not virt, cloud, generic, host, none or the path of a "
			       "list, with a '/'",
			       value);
	return set_text(o, member, value, e);
}

static const char *name_of(const char *word)
{
	return word + (*word == '+' || *word == '-');
}

/* Only the last word about a name counts, so that a later list can take back. */
static void forget(struct words *w, const char *word)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n; i++)
		if (module_is(name_of(w->v[i]), name_of(word)))
			free(w->v[i]);
		else
			w->v[kept++] = w->v[i];
	w->n = kept;
	if (w->v)
		w->v[kept] = NULL;
}

static int set_modules(struct build_options *o, size_t member, const char *value, struct err *e)
{
	struct words *modules = at(o, member);
	char word[256];

	for (const char *p = value; *p;) {
		size_t n = strcspn(p, ",");
		int rc;

		if (n >= sizeof(word))
			return err_set(e, ERR_CONFIG, 0, "'%.60s...' is no name of a module", p);
		memcpy(word, p, n);
		word[n] = '\0';
		p += n + (p[n] == ',');
		if (n == 0)
			continue;
		if (!*name_of(word))
			return err_set(e, ERR_CONFIG, 0, "no name follows the '%s'", word);
		forget(modules, word);
		rc = words_push(modules, word, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int set_compress(struct build_options *o, size_t member, const char *value, struct err *e)
{
	return compression_parse(value, at(o, member), e);
}

static int set_policy(struct build_options *o, size_t member, const char *value, struct err *e)
{
	struct policy floor;
	int rc = policy_parse(value, &floor, e);

	return rc == 0 ? set_text(o, member, value, e) : rc;
}

#define MEMBER(name) offsetof(struct build_options, name)
#define LIST OPTION_LIST
#define RUN OPTION_RUN

/* name, letter, value, default, flags, setter, member, short for, help */
const struct option_row option_rows[] = {
	{ "output", 'o', "FILE", NULL, RUN, set_text, MEMBER(output), NULL,
	  "where the initrd goes; replaced as a whole" },
	{ "kernel-version", 'k', "VERSION", NULL, RUN | LIST, set_kernel, MEMBER(kernels), NULL,
	  "for this kernel, as uname -r shows it *" },
	{ "sysroot", 0, "DIR", "/", 0, set_sysroot, MEMBER(sysroot), NULL,
	  "take modules and firmware from there" },
	{ "init", 0, "FILE", OPTIONS_INIT, 0, set_text, MEMBER(init), NULL,
	  "the program" },
	{ "luks", 0, NULL, "no", 0, set_switch, MEMBER(luks), NULL,
	  "the program that opens encrypted roots, too" },
	{ "profile", 0, "NAME|PATH", "virt", 0, set_profile, MEMBER(profile), NULL,
	  "drivers by purpose; the verb profiles shows them" },
	{ "generic", 0, NULL, NULL, RUN, NULL, MEMBER(profile), "profile=generic",
	  "the same as --profile=generic" },
	{ "hostonly", 0, NULL, NULL, RUN, NULL, MEMBER(profile), "profile=host",
	  "the same as --profile=host" },
	{ "modules", 0, "[+-]NAME,...", NULL, LIST, set_modules, MEMBER(modules), NULL,
	  "+ adds to the profile, - takes out *" },
	{ "firmware", 0, "WHICH", "referenced", 0, set_text, MEMBER(firmware), NULL,
	  "referenced, none or DIR[:DIR...]" },
	{ "cert", 0, "FILE", NULL, LIST, set_list, MEMBER(certificates), NULL,
	  "trust this certificate (PEM) *" },
	{ "conf", 0, "FILE", NULL, 0, set_text, MEMBER(conf), NULL,
	  "the slipway.conf of the initrd" },
	{ "policy", 0, "POLICY", NULL, 0, set_policy, MEMBER(policy), NULL,
	  "the image policy in there" },
	{ "os-release", 0, "FILE", NULL, 0, set_text, MEMBER(os_release), NULL,
	  "its identity, /etc/initrd-release" },
	{ "modprobe-conf", 0, "FILE", NULL, LIST, set_list, MEMBER(modprobe_configs), NULL,
	  "options and aliases of modules *" },
	{ "include", 0, "SOURCE:PLACE", NULL, LIST, set_list, MEMBER(includes), NULL,
	  "a further file or folder *" },
	{ "hook", 0, "POINT:FILE", NULL, LIST, set_list, MEMBER(hooks), NULL,
	  "a program to run there: slipway-hooks(7) *" },
	{ "busybox", 0, "FILE", NULL, 0, set_text, MEMBER(busybox), NULL,
	  "the shell for hooks that are scripts" },
	{ "debug-shell", 0, "FILE", NULL, 0, set_text, MEMBER(debug_shell), NULL,
	  "a debug image: this shell, for a key" },
	{ "compress", 0, "HOW", COMPRESSION_DEFAULT, 0, set_compress, MEMBER(compression), NULL,
	  COMPRESSION_USAGE },
	{ "manifest", 0, "FILE", NULL, RUN, set_text, MEMBER(manifest), NULL,
	  "list what was packed, and why" },
	{ "sbom", 0, "FILE", NULL, RUN, set_text, MEMBER(sbom), NULL,
	  "bill of materials, CycloneDX JSON" },
	{ "config", 0, "FILE", NULL, RUN, set_text, MEMBER(config), NULL,
	  "instead of mkinitrd.conf; or none" },
	{ "print-config", 0, NULL, NULL, RUN, set_switch, MEMBER(print_config), NULL,
	  "show each setting and who made it" },
	{ "dry-run", 'n', NULL, NULL, RUN, set_switch, MEMBER(dry_run), NULL,
	  "print what --manifest lists, write nothing" },
	{ "verbose", 'v', NULL, "no", 0, set_switch, MEMBER(verbose), NULL,
	  "say what was left out, and the size" },
	{ "help", 'h', NULL, NULL, RUN, set_switch, MEMBER(help), NULL, "this text" },
	{ .name = NULL },
};

_Static_assert(sizeof(option_rows) / sizeof(*option_rows) <= OPTION_MAX_ROWS, "too many rows");

const struct option_row *option_find(const char *name)
{
	for (const struct option_row *row = option_rows; row->name; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}
