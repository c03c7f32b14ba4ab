/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* diff: what two images have that differs. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "mkinitrd/image.h"
#include "mkinitrd/operands.h"
#include "mkinitrd/quote.h"
#include "mkinitrd/verb.h"

static const char help[] =
	"Usage: slipway-mkinitrd diff IMAGE IMAGE\n"
	"\n"
	"Compares what two initrds, or those of UKIs, unpack to. A line for each path that\n"
	"differs, sorted:\n"
	"\n"
	"  + PATH       only the second one has it\n"
	"  - PATH       only the first one has it\n"
	"  ~ PATH: ...  both have it: mode, size, content, target or device differ\n"
	"\n"
	"  -h, --help   this text\n"
	"\n"
	"Exit status: 0 if nothing differs, 1 if something does or an image cannot be read.\n";

struct list {
	const struct archive_entry **entries;
	size_t n;
};

static void list_free(struct list *l)
{
	free(l->entries);
}

static void print_path(const char *mark, const struct archive_entry *entry)
{
	const char *path = archive_path(entry);

	printf("%s ", mark);
	quote(stdout, *path ? path : ".");
}

/* Prints what differs after the path; the first time also the path. */
static void changed(const struct archive_entry *entry, bool *found, const char *what)
{
	if (!*found)
		print_path("~", entry);
	printf("%s%s", *found ? ", " : ": ", what);
	*found = true;
}

static bool compare(const struct archive_entry *a, const struct archive_entry *b)
{
	bool same_data = a->data.n == b->data.n && memcmp(a->data.p, b->data.p, a->data.n) == 0;
	bool found = false;
	char what[64];

	if (a->mode != b->mode) {
		snprintf(what, sizeof(what), "mode %06o %06o", a->mode, b->mode);
		changed(a, &found, what);
	}
	if (S_ISREG(a->mode) && S_ISREG(b->mode) && a->data.n != b->data.n) {
		snprintf(what, sizeof(what), "size %zu %zu", a->data.n, b->data.n);
		changed(a, &found, what);
	}
	if (((a->mode ^ b->mode) & S_IFMT) == 0 && !same_data)
		changed(a, &found, S_ISLNK(a->mode) ? "target" : "content");
	if ((S_ISCHR(a->mode) || S_ISBLK(a->mode)) && (a->major != b->major || a->minor != b->minor))
		changed(a, &found, "device");
	if (found)
		putchar('\n');
	return found;
}

static bool compare_lists(const struct list *a, const struct list *b)
{
	bool found = false;
	size_t i = 0, k = 0;

	while (i < a->n || k < b->n) {
		int c = i == a->n ? 1 : k == b->n ? -1 :
			strcmp(archive_path(a->entries[i]), archive_path(b->entries[k]));

		if (c == 0) {
			found |= compare(a->entries[i++], b->entries[k++]);
			continue;
		}
		print_path(c < 0 ? "-" : "+", c < 0 ? a->entries[i++] : b->entries[k++]);
		putchar('\n');
		found = true;
	}
	return found;
}

int verb_diff(int argc, char **argv)
{
	static const struct operands o = {
		.verb = "diff", .help = help, .min = 2, .max = 2, .wanted = "two images",
	};
	SCOPED(image_done) struct image a = { 0 };
	SCOPED(image_done) struct image b = { 0 };
	SCOPED(list_free) struct list left = { 0 };
	SCOPED(list_free) struct list right = { 0 };
	struct err e = { 0 };
	int status;
	bool found;

	if (!operands_parse(&o, argc, argv, &status))
		return status;
	if (image_open(argv[optind], &a, &e) < 0 || image_open(argv[optind + 1], &b, &e) < 0 ||
	    image_sort(&a, &left.entries, &left.n, &e) < 0 ||
	    image_sort(&b, &right.entries, &right.n, &e) < 0)
		return verb_failed(&e);
	found = compare_lists(&left, &right);
	if (fflush(stdout) != 0 && err_set(&e, ERR_SYSTEM, errno, "print what differs") < 0)
		return verb_failed(&e);
	return found ? STATUS_FAILED : STATUS_OK;
}
