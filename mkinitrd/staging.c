/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* asprintf */
#include "mkinitrd/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "mkinitrd/firmware.h"
#include "mkinitrd/program.h"
#include "mkinitrd/scratch.h"
#include "mkinitrd/source.h"
#include "mkinitrd/unpack.h"

struct staging {
	struct scratch scratch;
	char folder[PATH_MAX / 2]; /* scratch/usr/lib/modules/VERSION */
	char **files;              /* the module files in it, in the closure's order */
	size_t n_files;
};

/* What depmod reads beside the modules: their order, and what is built in. */
static const char *const depmod_inputs[] = { "modules.order", "modules.builtin",
					     "modules.builtin.modinfo" };

/* What libkmod reads, and the text of the two that people look into. */
static const struct {
	const char *name;
	bool optional; /* older versions of depmod do not make it */
} indexes[] = {
	{ "modules.alias", false },       { "modules.alias.bin", false },
	{ "modules.builtin.bin", false }, { "modules.builtin.alias.bin", true },
	{ "modules.dep", false },         { "modules.dep.bin", false },
	{ "modules.softdep", false },     { "modules.symbols.bin", false },
	{ "modules.weakdep", true },
};

static void staging_remove(struct staging *s)
{
	for (size_t i = 0; i < s->n_files; i++)
		free(s->files[i]);
	free(s->files);
	scratch_remove(&s->scratch);
}

/* depmod looks in /lib/modules or in /usr/lib/modules, as it was configured. */
static int staging_make(struct staging *s, const char *version, struct err *e)
{
	char link[PATH_MAX / 2];
	int rc = scratch_make(&s->scratch, e);

	if (rc < 0)
		return rc;
	snprintf(s->folder, sizeof(s->folder), "%s/usr/lib/modules/%s", s->scratch.path, version);
	snprintf(link, sizeof(link), "%s/lib", s->scratch.path);
	if (symlink("usr/lib", link) < 0)
		return err_set(e, ERR_SYSTEM, errno, "make the link '%s'", link);
	return make_dirs(s->folder, 0700, e);
}

/* The path below the module folder, the same in the staging folder and the initrd. */
static const char *relative(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

static int copy_module(const struct closure_module *m, char *to, struct err *e)
{
	char *slash = strrchr(to, '/');
	int rc;

	*slash = '\0';
	rc = make_dirs(to, 0700, e);
	*slash = '/';
	if (rc == 0)
		rc = source_copy(m->path, to, INITRD_MAX_FILE, e);
	if (rc < 0)
		return rc;
	return rc ? 0
		  : err_set(e, ERR_MODULES, 0,
			    "module '%s' is listed and missing: '%.180s'; run depmod", m->name,
			    m->path);
}

static int stage_modules(struct staging *s, const struct closure *c, struct err *e)
{
	s->files = calloc(c->n + 1, sizeof(*s->files));
	if (!s->files)
		return err_set(e, ERR_MEMORY, 0, "no memory for %zu file names", c->n);
	for (size_t i = 0; i < c->n; i++) {
		const struct closure_module *m = &c->modules[i];
		const char *name = relative(m->path, c->folder);
		int rc;

		if (!name || strstr(name, "../"))
			return err_set(e, ERR_MODULES, 0,
				       "module '%s' lies outside its kernel's folder: '%.180s'",
				       m->name, m->path);
		if (asprintf(&s->files[i], "%s/%s", s->folder, name) < 0) {
			s->files[i] = NULL;
			return err_set(e, ERR_MEMORY, 0, "no memory for '%s'", name);
		}
		s->n_files = i + 1;
		rc = copy_module(m, s->files[i], e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* An empty configuration: the build machine's depmod.d must not change the result. */
static int run_depmod(const struct staging *s, const char *folder, const char *version,
		      struct err *e)
{
	char *argv[] = {
		"depmod", "-C", "/dev/null", "-b", (char *)s->scratch.path, (char *)version, NULL
	};

	for (size_t i = 0; i < sizeof(depmod_inputs) / sizeof(*depmod_inputs); i++) {
		char from[PATH_MAX], to[PATH_MAX];
		int rc;

		if (snprintf(from, sizeof(from), "%s/%s", folder, depmod_inputs[i]) >= PATH_MAX)
			return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "copy '%s'", depmod_inputs[i]);
		snprintf(to, sizeof(to), "%s/%s", s->folder, depmod_inputs[i]);
		rc = source_copy(from, to, INITRD_MAX_FILE, e);
		if (rc < 0)
			return rc;
	}
	return program_run(argv, "it makes the module indexes (Debian: the package kmod)", e);
}

static int pack_indexes(struct initrd *i, const struct staging *s, struct err *e)
{
	for (size_t n = 0; n < sizeof(indexes) / sizeof(*indexes); n++) {
		char path[PATH_MAX];
		int rc;

		snprintf(path, sizeof(path), "%s/%s", s->folder, indexes[n].name);
		if (indexes[n].optional && access(path, F_OK) < 0)
			continue;
		rc = initrd_add_file(i, path + strlen(s->scratch.path), path, false,
				     "index of the modules here", e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int pack_modules(struct initrd *i, const struct staging *s, const struct closure *c,
			struct err *e)
{
	int rc = 0;

	for (size_t n = 0; n < s->n_files && rc == 0; n++)
		rc = initrd_add_file(i, s->files[n] + strlen(s->scratch.path), s->files[n], false,
				     c->modules[n].why, e);
	return rc;
}

static int pack_firmware(struct initrd *i, const struct staging *s, const struct staging_job *job,
			 struct err *e)
{
	struct firmware_search search = { job->firmware, job->sysroot, job->version, s->scratch.path };
	struct firmware_count count;
	int rc = firmware_add(i, &search, s->files, &count, e);

	if (rc == 0 && job->verbose && strcmp(job->firmware, "none") != 0)
		fprintf(stderr,
			"slipway-mkinitrd: %zu firmware files packed; %zu that modules name are "
			"not there\n",
			count.packed, count.missing);
	return rc;
}

int staging_add_modules(struct initrd *i, const struct closure *c, const struct staging_job *job,
			struct err *e)
{
	SCOPED(staging_remove) struct staging s = { .n_files = 0 };
	int rc = staging_make(&s, job->version, e);

	progress_step(job->progress, "unpacking %zu modules of %s", c->n, job->version);
	if (rc == 0)
		rc = stage_modules(&s, c, e);
	if (rc == 0)
		rc = unpack_files(s.files, s.n_files, e);
	progress_step(job->progress, "making their indexes");
	if (rc == 0)
		rc = run_depmod(&s, c->folder, job->version, e);
	if (rc == 0)
		rc = pack_modules(i, &s, c, e);
	if (rc == 0)
		rc = pack_indexes(i, &s, e);
	progress_step(job->progress, "looking for their firmware");
	return rc == 0 ? pack_firmware(i, &s, job, e) : rc;
}
