/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/host.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "mkinitrd/profile.h"

enum { PROC_MODULES_MAX_BYTES = 1024 * 1024 };

static const char head[] =
	"# host - this machine's disks and TPM, and what the profile virt has\n"
	"#\n"
	"# Below are the aliases of the devices that are there, and the modules that are loaded.\n"
	"# A '?' takes of them only what a disk or a TPM is reached by.\n\n";

struct names {
	char *v[PROFILE_MAX_ROWS];
	size_t n;
};

static void names_done(struct names **w)
{
	for (size_t i = 0; *w && i < (*w)->n; i++)
		free((*w)->v[i]);
	free(*w);
}

/* What does not fit a profile is no driver's alias: of the CPU's features, say. */
static int keep(struct names *w, const char *name, size_t n, struct err *e)
{
	size_t used = 0;

	while (used < n && name[used] > ' ' && name[used] < 0x7f)
		used++;
	if (!n || used < n || n > PROFILE_MAX_NAME || w->n == PROFILE_MAX_ROWS)
		return 0;
	w->v[w->n] = strndup(name, n);
	if (!w->v[w->n])
		return err_set(e, ERR_MEMORY, 0, "no memory for the alias of a device");
	w->n++;
	return 0;
}

static int keep_aliases(struct names *w, const char *root, struct err *e)
{
	char pattern[PATH_MAX], alias[PROFILE_MAX_NAME + 2];
	glob_t found = { 0 };
	int rc = 0;

	snprintf(pattern, sizeof(pattern), "%s/sys/bus/*/devices/*/modalias", root);
	if (glob(pattern, GLOB_NOSORT, NULL, &found) == GLOB_NOSPACE)
		rc = err_set(e, ERR_MEMORY, 0, "no memory for the devices of this machine");
	for (size_t i = 0; i < found.gl_pathc && rc == 0; i++) {
		ssize_t n = file_read_text(found.gl_pathv[i], alias, sizeof(alias));

		if (n > 0)
			rc = keep(w, alias, (size_t)n, e);
	}
	globfree(&found);
	return rc;
}

static int keep_modules(struct names *w, const char *root, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	char path[PATH_MAX];
	size_t n;
	int rc;

	snprintf(path, sizeof(path), "%s/proc/modules", root);
	rc = file_read(AT_FDCWD, path, PROC_MODULES_MAX_BYTES, &text, &n, e);
	if (rc < 0)
		return e->errnum == ENOENT ? 0 : rc;
	for (const char *line = text; line && *line && rc == 0;) {
		rc = keep(w, line, strcspn(line, " \n"), e);
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return rc;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int print(const char *base, const struct names *w, char **ret, size_t *ret_n, struct err *e)
{
	FILE *out = open_memstream(ret, ret_n);
	bool bad;

	if (!out)
		return err_set(e, ERR_MEMORY, errno, "no memory for the profile 'host'");
	fprintf(out, "%s%s\n# this machine\n", head, base);
	for (size_t i = 0; i < w->n; i++)
		if (i == 0 || strcmp(w->v[i], w->v[i - 1]) != 0)
			fprintf(out, "?%s\n", w->v[i]);
	bad = ferror(out);
	bad |= fclose(out) != 0;
	return bad ? err_set(e, ERR_MEMORY, errno, "no memory for the profile 'host'") : 0;
}

int host_profile(const char *root, const char *base, char **ret, size_t *ret_n, struct err *e)
{
	SCOPED(names_done) struct names *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return err_set(e, ERR_MEMORY, 0, "no memory for the profile 'host'");
	rc = keep_aliases(w, root, e);
	if (rc == 0)
		rc = keep_modules(w, root, e);
	if (rc < 0)
		return rc;
	qsort(w->v, w->n, sizeof(*w->v), by_bytes);
	return print(base, w, ret, ret_n, e);
}
