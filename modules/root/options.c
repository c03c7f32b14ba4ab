/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/root/options.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "init/core/log.h"

#define ATIME (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)

/* The words of mount(8) that are no business of a file system. */
static const struct word {
	const char *name;
	unsigned long set, clear;
	bool loosens; /* asks for what a proven volume never gets */
} words[] = {
	{ "ro", MS_RDONLY, 0, false },
	{ "rw", 0, 0, true },
	{ "nodev", MS_NODEV, 0, false },
	{ "dev", 0, 0, true },
	{ "nosuid", MS_NOSUID, 0, false },
	{ "suid", 0, MS_NOSUID, false },
	{ "noexec", MS_NOEXEC, 0, false },
	{ "exec", 0, MS_NOEXEC, false },
	{ "nosymfollow", MS_NOSYMFOLLOW, 0, false },
	{ "symfollow", 0, MS_NOSYMFOLLOW, false },
	{ "noatime", MS_NOATIME, ATIME, false },
	{ "relatime", MS_RELATIME, ATIME, false },
	{ "strictatime", MS_STRICTATIME, ATIME, false },
	{ "nodiratime", MS_NODIRATIME, 0, false },
	{ "lazytime", MS_LAZYTIME, 0, false },
	{ "nolazytime", 0, MS_LAZYTIME, false },
	{ "sync", MS_SYNCHRONOUS, 0, false },
	{ "async", 0, MS_SYNCHRONOUS, false },
	{ "dirsync", MS_DIRSYNC, 0, false },
	{ "silent", MS_SILENT, 0, false },
	{ "loud", 0, MS_SILENT, false },
	{ "defaults", 0, 0, false },
	{ "auto", 0, 0, false },
	{ "noauto", 0, 0, false },
	{ "nofail", 0, 0, false },
	{ "_netdev", 0, 0, false },
};

/* They name a device, a file or a cache that no root hash covers. */
static const char *const unproven[] = {
	"device", "devices", "logdev", "rtdev", "journal_dev", "journal_path", "fsid", "domain_id",
};

/* A dirty journal could not be replayed onto a read-only device, and must not be. */
static const struct {
	const char *filesystem, *option;
} no_replay[] = {
	{ "ext4", "norecovery" },
	{ "xfs", "norecovery" },
	{ "btrfs", "rescue=nologreplay" },
};

static bool word_is(const char *word, size_t n, const char *name)
{
	return strlen(name) == n && memcmp(word, name, n) == 0;
}

static const struct word *find_word(const char *word, size_t n)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (word_is(word, n, words[i].name))
			return &words[i];
	return NULL;
}

static bool names_unproven(const char *word, size_t n)
{
	const char *equals = memchr(word, '=', n);
	size_t key = equals ? (size_t)(equals - word) : n;

	for (size_t i = 0; i < sizeof(unproven) / sizeof(*unproven); i++)
		if (word_is(word, key, unproven[i]))
			return true;
	return false;
}

static int append(struct root_options *o, const char *word, size_t n, struct err *e)
{
	size_t at = strlen(o->data);

	if (at + 1 + n + 1 > sizeof(o->data))
		return err_set(e, ERR_CMDLINE, 0, "rootflags= is longer than %zu bytes",
			       sizeof(o->data));
	if (at)
		o->data[at++] = ',';
	memcpy(o->data + at, word, n);
	o->data[at + n] = '\0';
	return 0;
}

static int take(struct root_options *o, const char *word, size_t n, struct err *e)
{
	const struct word *known = find_word(word, n);

	if (n == 0 || (n >= 2 && (memcmp(word, "x-", 2) == 0 || memcmp(word, "X-", 2) == 0)))
		return 0;
	if (names_unproven(word, n))
		return err_set(e, ERR_CMDLINE, 0,
			       "rootflags= has '%.*s', which would use more than the proven volume",
			       (int)(n < 100 ? n : 100), word);
	if (!known)
		return append(o, word, n, e);
	if (known->loosens)
		log_warning("rootflags= has '%s', ignoring it: a proven volume is read-only, nodev",
			    known->name);
	o->flags = (o->flags & ~known->clear) | known->set;
	return 0;
}

int root_options_parse(const char *filesystem, const char *text, bool writable,
		       struct root_options *ret, struct err *e)
{
	struct root_options o = { .flags = MS_NODEV | (writable ? 0 : MS_RDONLY) };

	for (size_t i = 0; !writable && i < sizeof(no_replay) / sizeof(*no_replay); i++)
		if (strcmp(filesystem, no_replay[i].filesystem) == 0)
			snprintf(o.data, sizeof(o.data), "%s", no_replay[i].option);
	for (const char *at = text; at && *at;) {
		size_t n = strcspn(at, ",");
		int rc = take(&o, at, n, e);

		if (rc < 0)
			return rc;
		at += n + (at[n] == ',');
	}
	*ret = o;
	return 0;
}
