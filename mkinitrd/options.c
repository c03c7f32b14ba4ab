/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mkinitrd/conf_files.h"
#include "mkinitrd/option.h"

static const char command_line[] = "command line";

enum {
	LONG = 256, /* what getopt_long() returns for row 0 */
	HELP_COLUMN = 32,
};

/* The table as getopt_long() wants it. */
struct getopt_table {
	struct option rows[OPTION_MAX_ROWS + 1];
	char letters[2 * OPTION_MAX_ROWS + 2];
};

static void make_getopt_table(struct getopt_table *ret)
{
	char *letter = ret->letters;

	*letter++ = ':';
	for (int i = 0; option_rows[i].name; i++) {
		const struct option_row *row = &option_rows[i];
		int argument = row->value ? required_argument : no_argument;

		ret->rows[i] = (struct option){ row->name, argument, NULL, LONG + i };
		if (!row->letter)
			continue;
		*letter++ = row->letter;
		if (row->value)
			*letter++ = ':';
	}
	*letter = '\0';
}

static const struct option_row *row_of(int option)
{
	if (option >= LONG)
		return &option_rows[option - LONG];
	for (const struct option_row *row = option_rows; row->name; row++)
		if (row->letter == option)
			return row;
	return NULL;
}

/* "profile=host" for --hostonly. */
static int add_meaning(struct settings *s, const char *means, struct err *e)
{
	const char *value = strchr(means, '=') + 1;
	char name[32];

	snprintf(name, sizeof(name), "%.*s", (int)(value - means) - 1, means);
	return settings_add(s, option_find(name), value, command_line, e);
}

static int add_word(struct settings *s, int option, const char *word, struct err *e)
{
	const struct option_row *row = row_of(option);

	if (option == ':')
		return err_set(e, ERR_CONFIG, 0, "option '%.200s' needs a value", word);
	if (option == '?' || !row)
		return err_set(e, ERR_CONFIG, 0,
			       "option '%.200s' is unknown, unclear or takes no value", word);
	if (row->value && !*optarg)
		return err_set(e, ERR_CONFIG, 0, "--%s needs a value that is not empty", row->name);
	if (row->means)
		return add_meaning(s, row->means, e);
	return settings_add(s, row, row->value ? optarg : "yes", command_line, e);
}

static int add_command_line(struct settings *s, int argc, char **argv, struct err *e)
{
	struct getopt_table table = { 0 };
	int option, rc = 0;

	make_getopt_table(&table);
	opterr = 0;
	while (rc == 0) {
		option = getopt_long(argc, argv, table.letters, table.rows, NULL);
		if (option == -1)
			break;
		rc = add_word(s, option, argv[optind - 1], e);
	}
	if (rc == 0 && optind < argc)
		return err_set(e, ERR_CONFIG, 0, "'%.100s' is no option", argv[optind]);
	return rc;
}

static int add_defaults(struct settings *s, struct err *e)
{
	int rc = 0;

	for (const struct option_row *row = option_rows; row->name && rc == 0; row++)
		if (row->standard)
			rc = settings_add(s, row, row->standard, "default", e);
	return rc;
}

static int add_all(struct settings *to, const struct settings *from, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < from->n && rc == 0; i++)
		rc = settings_add(to, from->v[i].row, from->v[i].value, from->v[i].origin, e);
	return rc;
}

static bool any_plain_name(const struct words *modules)
{
	for (size_t i = 0; i < modules->n; i++)
		if (modules->v[i][0] != '+' && modules->v[i][0] != '-')
			return true;
	return false;
}

static int apply_one(struct build_options *o, const struct setting *s, struct err *e)
{
	struct err cause = { 0 };
	int rc = *s->value ? s->row->set(o, s->row->member, s->value, &cause) : 0;

	if (rc == 0)
		return 0;
	if (strcmp(s->origin, command_line) == 0)
		return err_set(e, cause.code, 0, "--%s: %s", s->row->name, cause.what);
	return err_set(e, cause.code, 0, "%.120s: %s: %s", s->origin, s->row->name, cause.what);
}

int build_options_apply(struct build_options *o, struct err *e)
{
	static const char because[] = "default, as modules has names without a sign";
	const struct setting *profile = settings_find(&o->settings, "profile");
	int rc = 0;

	for (size_t i = 0; i < o->settings.n && rc == 0; i++)
		rc = apply_one(o, &o->settings.v[i], e);
	if (rc < 0 || !profile || strcmp(profile->origin, "default") != 0 ||
	    !any_plain_name(&o->modules))
		return rc;
	rc = settings_add(&o->settings, profile->row, "none", because, e);
	return rc == 0 ? apply_one(o, settings_find(&o->settings, "profile"), e) : rc;
}

static int parse_time(uint32_t *ret, struct err *e)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	unsigned long time = 0;
	char *end = NULL;

	errno = 0;
	if (text)
		time = strtoul(text, &end, 10);
	if (text && (errno || *end || *text < '0' || *text > '9' || time > UINT32_MAX))
		return err_set(e, ERR_CONFIG, 0,
			       "SOURCE_DATE_EPOCH is '%.32s', and no number of seconds below 2^32",
			       text);
	*ret = (uint32_t)time;
	return 0;
}

static int check(struct build_options *o, struct err *e)
{
	if (!o->output && !o->dry_run && !o->print_config)
		return err_set(e, ERR_CONFIG, 0, "say with --output where the initrd goes");
	return parse_time(&o->time, e);
}

static int parse(int argc, char **argv, struct build_options *o, struct settings *given,
		 struct err *e)
{
	const struct setting *config;
	int rc = add_command_line(given, argc, argv, e);

	if (rc < 0)
		return rc;
	o->help = settings_find(given, "help") != NULL;
	if (o->help)
		return 0;
	config = settings_find(given, "config");
	rc = add_defaults(&o->settings, e);
	if (rc == 0)
		rc = conf_files_add(&o->settings, config ? config->value : NULL, e);
	if (rc == 0)
		rc = add_all(&o->settings, given, e);
	if (rc == 0)
		rc = build_options_apply(o, e);
	return rc == 0 ? check(o, e) : rc;
}

int build_options_parse(int argc, char **argv, struct build_options *ret, struct err *e)
{
	struct settings given = { 0 };
	int rc;

	*ret = (struct build_options){ .sysroot = "" };
	rc = parse(argc, argv, ret, &given, e);
	settings_done(&given);
	return rc;
}

static void words_done(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
}

void build_options_done(struct build_options *o)
{
	words_done(&o->kernels);
	words_done(&o->modules);
	words_done(&o->certificates);
	words_done(&o->modprobe_configs);
	words_done(&o->includes);
	words_done(&o->hooks);
	settings_done(&o->settings);
	*o = (struct build_options){ 0 };
}

void build_options_print_help(void)
{
	puts("Usage: slipway-mkinitrd [build] --output FILE [OPTION]...\n\n"
	     "Builds an initrd: slipway, the kernel modules that it needs, and what it trusts.\n"
	     "The same input gives the same bytes. Needs no privilege.\n");
	for (const struct option_row *row = option_rows; row->name; row++) {
		char letter[] = { '-', row->letter, ',', '\0' };

		printf("  %3s --%s %-*s%s\n", row->letter ? letter : "", row->name,
		       HELP_COLUMN - 9 - (int)strlen(row->name), row->value ? row->value : "",
		       row->help);
	}
	puts("\n* may be repeated. Exit status: 0, 1 after a failure, 2 if the command line or\n"
	     "mkinitrd.conf is wrong. SOURCE_DATE_EPOCH is the time of all files (default: 0).\n"
	     "See slipway-mkinitrd(8) and slipway-mkinitrd.conf(5).");
}
