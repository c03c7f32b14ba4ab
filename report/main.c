/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* slipway: what one asks on the booted system; the first word says what. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/json.h"
#include "report/record.h"
#include "report/show.h"
#include "report/timeline.h"

#define RECORD "/run/slipway/boot.json"

enum { STATUS_OK, STATUS_FAILED, STATUS_USAGE };

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_SVG };

static const char help[] =
	"Usage: slipway report [OPTION] [FILE]\n"
	"\n"
	"Shows the record of this boot, or the one in FILE (- is standard input).\n"
	"\n"
	"      --json     the record for programs, indented\n"
	"      --svg      the timeline as a picture\n"
	"  -h, --help     this text\n"
	"  -V, --version  the version\n"
	"\n"
	"Exit status: 0 if it was shown, 1 if there is none, 2 for wrong usage.\n";

static int read_all(const char *path, char **ret, size_t *ret_n, struct err *e)
{
	/* By this name, as standard input may be a pipe or be closed. */
	const char *name = strcmp(path, "-") == 0 ? "/dev/stdin" : path;
	int rc = file_read(AT_FDCWD, name, RECORD_MAX_BYTES, ret, ret_n, e);

	if (rc < 0 && e->errnum == ENOENT && strcmp(path, RECORD) == 0)
		return err_set(e, ERR_SYSTEM, 0,
			       "there is no '%s': slipway did not start this system", RECORD);
	return rc;
}

static int show(enum format format, struct json_object *record, struct err *e)
{
	SCOPED(timeline_done) struct timeline t = { 0 };
	int rc = timeline_read(record, &t, e);

	if (rc < 0)
		return rc;
	if (format == FORMAT_JSON)
		show_json(stdout, record);
	else if (format == FORMAT_SVG)
		show_svg(stdout, record, &t);
	else
		show_text(stdout, record, &t);
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_set(e, ERR_SYSTEM, errno, "write to standard output");
	return 0;
}

static int run(enum format format, const char *path)
{
	SCOPED(json_drop) struct json_object *record = NULL;
	SCOPED(mem_free) char *bytes = NULL;
	struct err e;
	size_t n;
	int rc = read_all(path, &bytes, &n, &e);

	if (rc >= 0) {
		rc = record_parse(bytes, n, &record, &e);
		if (rc < 0)
			err_in(&e, "'%s'", path);
	}
	if (rc >= 0)
		rc = show(format, record, &e);
	if (rc >= 0)
		return STATUS_OK;
	fprintf(stderr, "slipway report: %s%s%s\n", e.where, *e.where ? ": " : "", e.what);
	return STATUS_FAILED;
}

static int report(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },    { "svg", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },    { "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	enum format format = FORMAT_TEXT;

	for (int c; (c = getopt_long(argc, argv, "hV", options, NULL)) != -1;) {
		if (c == 'h')
			return fputs(help, stdout) < 0 || fflush(stdout) ? STATUS_FAILED : STATUS_OK;
		if (c == 'V')
			return puts("slipway " SLIPWAY_VERSION) < 0 ? STATUS_FAILED : STATUS_OK;
		if (c != 'j' && c != 's')
			return STATUS_USAGE;
		format = c == 'j' ? FORMAT_JSON : FORMAT_SVG;
	}
	if (argc - optind > 1) {
		fputs("slipway report: one file at a time\n", stderr);
		return STATUS_USAGE;
	}
	return run(format, optind < argc ? argv[optind] : RECORD);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "report") == 0)
		return report(argc - 1, argv + 1);
	if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0))
		return puts("slipway " SLIPWAY_VERSION) < 0 ? STATUS_FAILED : STATUS_OK;
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return fputs(help, stdout) < 0 ? STATUS_FAILED : STATUS_OK;
	fputs("slipway: the one thing to ask for is 'slipway report'; see 'slipway report --help'\n", stderr);
	return STATUS_USAGE;
}
