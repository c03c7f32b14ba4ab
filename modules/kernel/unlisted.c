/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/kernel/unlisted.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/elf.h"
#include "init/core/file.h"
#include "init/core/log.h"

enum { MAX_DEPTH = 8, ALIAS_BYTES = 2048 };

struct scan {
	bool (*is_listed)(void *arg, const char *name);
	void *arg;
	struct unlisted *list;
	size_t n;
};

/* As libkmod: '_' for '-', but not within brackets. */
static void normalize(const char *text, char *ret, size_t max)
{
	bool within = false;
	size_t i;

	for (i = 0; text[i] && i + 1 < max; i++) {
		within = text[i] == '[' || (within && text[i] != ']');
		ret[i] = text[i] == '-' && !within ? '_' : text[i];
	}
	ret[i] = '\0';
}

static void one_free(struct unlisted *u)
{
	free(u->path);
	free((void *)u->info.p);
	free(u);
}

void unlisted_free(struct unlisted *list)
{
	while (list) {
		struct unlisted *next = list->next;

		one_free(list);
		list = next;
	}
}

/* NULL if the name is none of a module, or one that is too long. Else what follows ".ko". */
static const char *module_name(const char *file, char ret[static UNLISTED_NAME_BYTES])
{
	const char *end = strstr(file, ".ko");
	char base[UNLISTED_NAME_BYTES];

	if (!end || end == file || (end[3] && end[3] != '.') || (size_t)(end - file) >= sizeof(base))
		return NULL;
	memcpy(base, file, (size_t)(end - file));
	base[end - file] = '\0';
	normalize(base, ret, UNLISTED_NAME_BYTES);
	return end + 3;
}

static bool read_info(const char *path, struct bytes *ret)
{
	SCOPED(mem_free) char *file = NULL;
	struct bytes section;
	struct err e;
	uint8_t *copy;
	size_t n;

	if (file_read(AT_FDCWD, path, UNLISTED_MAX_BYTES, &file, &n, &e) < 0 ||
	    !elf_section((const uint8_t *)file, n, ".modinfo", &section) || !section.n)
		return false;
	copy = malloc(section.n);
	if (!copy)
		return false;
	memcpy(copy, section.p, section.n);
	*ret = (struct bytes){ copy, section.n };
	return true;
}

static void take(struct scan *s, const char *path, const char *file)
{
	struct unlisted *u = calloc(1, sizeof(*u));
	const char *rest = u ? module_name(file, u->name) : NULL;

	if (!rest || s->is_listed(s->arg, u->name) || unlisted_find(s->list, u->name)) {
		free(u);
		return;
	}
	u->path = strdup(path);
	if (*rest || s->n == UNLISTED_MAX || !u->path || !read_info(path, &u->info)) {
		log_warning("module '%s' is in no list, and %s: it cannot be used", u->name,
			    *rest ? "compressed" : "it cannot be read, or it is one too many");
		one_free(u);
		return;
	}
	log_debug("module '%s' is in no list; it speaks for itself", u->name);
	u->next = s->list;
	s->list = u;
	s->n++;
}

static void walk(struct scan *s, const char *folder, unsigned depth)
{
	SCOPED(dir_close) DIR *dir = depth > MAX_DEPTH ? NULL : opendir(folder);
	const struct dirent *d;
	char path[PATH_MAX];

	while (dir && (d = readdir(dir))) {
		if (d->d_name[0] == '.' ||
		    (size_t)snprintf(path, sizeof(path), "%s/%s", folder, d->d_name) >= sizeof(path))
			continue;
		if (d->d_type == DT_DIR)
			walk(s, path, depth + 1);
		else if (d->d_type == DT_REG)
			take(s, path, d->d_name);
	}
}

struct unlisted *unlisted_scan(const char *folder, bool (*is_listed)(void *arg, const char *name),
			       void *arg)
{
	struct scan s = { .is_listed = is_listed, .arg = arg };

	walk(&s, folder, 0);
	return s.list;
}

bool unlisted_fits(const struct unlisted *u, const char *wish)
{
	char wanted[ALIAS_BYTES], own[ALIAS_BYTES];
	struct bytes info = u->info;
	const char *alias;

	normalize(wish, wanted, sizeof(wanted));
	if (strcmp(u->name, wanted) == 0)
		return true;
	while ((alias = elf_modinfo_next(&info, "alias"))) {
		normalize(alias, own, sizeof(own));
		if (fnmatch(own, wanted, 0) == 0)
			return true;
	}
	return false;
}

const struct unlisted *unlisted_find(const struct unlisted *list, const char *name)
{
	while (list && strcmp(list->name, name) != 0)
		list = list->next;
	return list;
}
