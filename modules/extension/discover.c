/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/discover.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "init/core/log.h"
#include "init/core/version.h"

static int is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static bool is_listed(const struct found_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->at[i].name, name) == 0)
			return true;
	return false;
}

static void add(const struct extension_class *class, const char *directory, const char *file,
		struct found_list *list)
{
	struct found f = { .directory = directory };

	switch (extension_name(file, class, f.name)) {
	case NAME_OTHER:
		return;
	case NAME_FOREIGN:
		log_info("'%.200s' is no %s, it is left alone", file, class->long_name);
		return;
	case NAME_INVALID: /* may hold control characters: not printed */
		log_warning("a file in '%s' has no valid extension name, it is skipped", directory);
		return;
	case NAME_GOOD:
		break;
	}
	if (is_listed(list, f.name)) {
		log_info("'%s' in '%s' is skipped, there is one of that name already", file,
			 directory);
	} else if (list->n == MAX_EXTENSIONS) {
		log_warning("extension '%s' skipped: more than %d extensions", f.name,
			    MAX_EXTENSIONS);
	} else {
		memcpy(f.file, file, strlen(file) + 1); /* its name fits, so it does */
		list->at[list->n++] = f;
	}
}

int discover(const struct extension_class *class, const char *directory, struct found_list *list,
	     struct err *e)
{
	struct dirent **files = NULL;
	int n = scandir(directory, &files, is_visible, alphasort);

	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0)
		return err_set(e, errno == ENOMEM ? ERR_MEMORY : ERR_SYSTEM, errno, "list '%s'",
			       directory);
	for (int i = 0; i < n; i++) {
		add(class, directory, files[i]->d_name, list);
		free(files[i]);
	}
	free(files);
	return 0;
}

/* Names that count as equal versions still need one order on every boot. */
static int compare(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int rc = version_compare(x->name, y->name);

	return rc ? rc : strcmp(x->name, y->name);
}

void discover_sort(struct found_list *list)
{
	qsort(list->at, list->n, sizeof(*list->at), compare);
}
