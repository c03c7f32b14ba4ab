/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* asprintf */
#include "mkinitrd/firmware.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <libkmod.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/path.h"
#include "mkinitrd/source.h"
#include "mkinitrd/unpack.h"

enum { MAX_PLACES = 32, MAX_BASES = MAX_PLACES / 4 };

/* One that has to be unpacked before it can be added. */
struct packed_file {
	char *source; /* in the scratch folder, as are the next two owned */
	char *path;
	char *why;
};

struct firmware {
	struct initrd *i;
	const struct firmware_search *search;
	int root; /* links are resolved below it */
	char *bases[MAX_BASES];
	size_t n_bases;
	struct packed_file *packed;
	size_t n_packed;
	struct firmware_count count;
};

static void firmware_done(struct firmware *f)
{
	for (size_t n = 0; n < f->n_bases; n++)
		free(f->bases[n]);
	for (size_t n = 0; n < f->n_packed; n++) {
		free(f->packed[n].source);
		free(f->packed[n].path);
		free(f->packed[n].why);
	}
	free(f->packed);
	fd_close(&f->root);
}

static int add_base(struct firmware *f, const char *path, size_t n, struct err *e)
{
	if (f->n_bases == MAX_BASES)
		return err_set(e, ERR_CONFIG, 0, "--firmware has more than %d folders", MAX_BASES);
	f->bases[f->n_bases] = strndup(path, n);
	if (!f->bases[f->n_bases])
		return err_set(e, ERR_MEMORY, 0, "no memory for '%.100s'", path);
	f->n_bases++;
	return 0;
}

static int add_given_bases(struct firmware *f, struct err *e)
{
	int rc = 0;

	for (const char *at = f->search->which; *at && rc == 0;) {
		size_t n = strcspn(at, ":");

		if (n)
			rc = add_base(f, at, n, e);
		at += n + (at[n] == ':');
	}
	for (size_t n = 0; n < f->n_bases && rc == 0; n++) {
		SCOPED(dir_close) DIR *folder = opendir(f->bases[n]);

		if (!folder)
			rc = err_set(e, ERR_CONFIG, errno,
				     "--firmware: '%.200s' cannot be opened", f->bases[n]);
	}
	return rc;
}

/* Links of a sysroot mean what they would mean inside of it; those of a given folder are
 * followed as they are. */
static int choose_bases(struct firmware *f, struct err *e)
{
	const char *sysroot = *f->search->sysroot ? f->search->sysroot : "/";
	int rc;

	if (strcmp(f->search->which, "referenced") != 0)
		return add_given_bases(f, e);
	f->root = open(sysroot, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (f->root < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%s'", sysroot);
	rc = add_base(f, "usr/lib/firmware", SIZE_MAX, e);
	return rc == 0 ? add_base(f, "lib/firmware", SIZE_MAX, e) : rc;
}

static int open_in(const struct firmware *f, const char *path, int flags)
{
	flags |= O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	return f->root < 0 ? open(path, flags) : path_open_inside(f->root, path, flags);
}

static bool is_absent(void)
{
	return errno == ENOENT || errno == ENOTDIR;
}

/* The folders within each base that the kernel looks into, in its order. */
static void within(const struct firmware *f, size_t n, char ret[static NAME_MAX + 32])
{
	const char *version = n % 2 ? "" : f->search->version;

	snprintf(ret, NAME_MAX + 32, "%s%s%s", n < 2 ? "updates/" : "", version, n % 2 ? "" : "/");
}

static int add_later(struct firmware *f, const char *path, const char *suffix, const char *data,
		     size_t n, const char *why, struct err *e)
{
	struct packed_file *grown = realloc(f->packed, (f->n_packed + 1) * sizeof(*grown));
	struct packed_file *new;

	if (!grown)
		return err_set(e, ERR_MEMORY, 0, "no memory for '%.100s'", path);
	f->packed = grown;
	new = &grown[f->n_packed++];
	*new = (struct packed_file){ .path = strdup(path), .why = strdup(why) };
	if (asprintf(&new->source, "%s/firmware-%zu%s", f->search->scratch, f->n_packed,
		     suffix) < 0)
		new->source = NULL;
	if (!new->source || !new->path || !new->why)
		return err_set(e, ERR_MEMORY, 0, "no memory for '%.100s'", path);
	return file_write(new->source, 0600, data, n, e);
}

static bool is_waiting(const struct firmware *f, const char *path)
{
	for (size_t n = 0; n < f->n_packed; n++)
		if (strcmp(f->packed[n].path, path) == 0)
			return true;
	return false;
}

/* Returns 1 if the file was there, 0 if not. */
static int try(struct firmware *f, const char *base, const char *inner, const char *name,
	       const char *suffix, const char *why, struct err *e)
{
	SCOPED(fd_close) int fd = -1;
	char source[PATH_MAX], path[PATH_MAX];
	struct stat st;
	char *data;
	size_t n;
	int rc;

	if (snprintf(source, sizeof(source), "%s/%s%s%s", base, inner, name, suffix) >= PATH_MAX ||
	    snprintf(path, sizeof(path), "usr/lib/firmware/%s%s", inner, name) >= PATH_MAX)
		return 0;
	fd = open_in(f, source, 0);
	if (fd < 0)
		return is_absent() ? 0 : err_set(e, ERR_SYSTEM, errno, "open '%s'", source);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	if (initrd_has(f->i, path) || is_waiting(f, path))
		return 1;
	rc = source_read_fd(fd, source, INITRD_MAX_FILE, &data, &n, e);
	if (rc < 0)
		return rc;
	if (*suffix) {
		rc = add_later(f, path, suffix, data, n, why, e);
		free(data);
	} else {
		rc = initrd_add_data(f->i, path, data, n, why, e);
	}
	f->count.packed += rc == 0;
	return rc < 0 ? rc : 1;
}

/* As the kernel does: all folders for the plain file before any for a compressed one. */
static int add_one(struct firmware *f, const char *name, const char *why, struct err *e)
{
	static const char *const suffixes[] = { "", ".zst", ".xz" };

	for (size_t s = 0; s < sizeof(suffixes) / sizeof(*suffixes); s++)
		for (size_t k = 0; k < 4 * f->n_bases; k++) {
			char inner[NAME_MAX + 32];
			int rc;

			within(f, k / f->n_bases, inner);
			rc = try(f, f->bases[k % f->n_bases], inner, name, suffixes[s], why, e);
			if (rc)
				return rc;
		}
	return 0;
}

static bool matches(const char *pattern, char *name)
{
	size_t n = strlen(name);

	if (n > 3 && strcmp(name + n - 3, ".xz") == 0)
		name[n - 3] = '\0';
	else if (n > 4 && strcmp(name + n - 4, ".zst") == 0)
		name[n - 4] = '\0';
	return fnmatch(pattern, name, FNM_PERIOD) == 0;
}

/* A name with a star in its last part: what matches in one folder. */
static int add_matching(struct firmware *f, const char *folder, const char *name, const char *why,
			struct err *e)
{
	const char *slash = strrchr(name, '/'), *pattern = slash ? slash + 1 : name;
	SCOPED(dir_close) DIR *dir = NULL;
	SCOPED(fd_close) int fd = -1;
	char path[PATH_MAX];
	struct dirent *entry;
	int any = 0, rc = 0;

	if (snprintf(path, sizeof(path), "%s/%.*s", folder, (int)(pattern - name), name) >=
	    PATH_MAX)
		return 0;
	fd = open_in(f, path, O_DIRECTORY);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return is_absent() ? 0 : err_set(e, ERR_SYSTEM, errno, "open '%s'", path);
	fd_take(&fd);
	while (rc >= 0 && (entry = readdir(dir))) {
		char found[PATH_MAX];

		if (!matches(pattern, entry->d_name))
			continue;
		snprintf(found, sizeof(found), "%.*s%s", (int)(pattern - name), name,
			 entry->d_name);
		rc = add_one(f, found, why, e);
		any |= rc;
	}
	return rc < 0 ? rc : any;
}

static int add_pattern(struct firmware *f, const char *name, const char *why, struct err *e)
{
	int any = 0;

	for (size_t k = 0; k < 4 * f->n_bases; k++) {
		char inner[NAME_MAX + 32], folder[PATH_MAX];
		int rc;

		within(f, k / f->n_bases, inner);
		if (snprintf(folder, sizeof(folder), "%s/%s", f->bases[k % f->n_bases], inner) >=
		    PATH_MAX)
			continue;
		rc = add_matching(f, folder, name, why, e);
		if (rc < 0)
			return rc;
		any |= rc;
	}
	return any;
}

static bool is_clean(const char *name)
{
	return *name && *name != '/' && !strstr(name, "..") && strlen(name) < NAME_MAX;
}

static int add_name(struct firmware *f, const char *name, const char *module, struct err *e)
{
	char why[128];
	int rc = 0;

	snprintf(why, sizeof(why), "firmware of module %s", module);
	if (is_clean(name))
		rc = strpbrk(name, "*?[") ? add_pattern(f, name, why, e) : add_one(f, name, why, e);
	f->count.missing += rc == 0;
	return rc < 0 ? rc : 0;
}

static void module_free(struct kmod_module **m)
{
	kmod_module_unref(*m);
}

static void info_free(struct kmod_list **list)
{
	kmod_module_info_free_list(*list);
}

static int add_of_module(struct firmware *f, struct kmod_ctx *kmod, const char *file, struct err *e)
{
	SCOPED(module_free) struct kmod_module *m = NULL;
	SCOPED(info_free) struct kmod_list *info = NULL;
	struct kmod_list *at;
	int rc = kmod_module_new_from_path(kmod, file, &m);

	if (rc >= 0)
		rc = kmod_module_get_info(m, &info);
	if (rc < 0)
		return err_set(e, ERR_MODULES, -rc, "read what the module '%s' is", file);
	rc = 0;
	kmod_list_foreach(at, info)
		if (rc == 0 && strcmp(kmod_module_info_get_key(at), "firmware") == 0)
			rc = add_name(f, kmod_module_info_get_value(at), kmod_module_get_name(m),
				      e);
	return rc;
}

static int add_of_modules(struct firmware *f, char *const *files, struct err *e)
{
	static const char *const no_configs[] = { NULL };
	struct kmod_ctx *kmod = kmod_new(f->search->scratch, no_configs);
	int rc = 0;

	if (!kmod)
		return err_set(e, ERR_MEMORY, 0, "no memory for libkmod");
	for (; *files && rc == 0; files++)
		rc = add_of_module(f, kmod, *files, e);
	kmod_unref(kmod);
	return rc;
}

static int add_packed(struct firmware *f, struct err *e)
{
	SCOPED(mem_free) char **files = calloc(f->n_packed + 1, sizeof(*files));
	int rc;

	if (!files)
		return err_set(e, ERR_MEMORY, 0, "no memory for %zu file names", f->n_packed);
	for (size_t n = 0; n < f->n_packed; n++)
		files[n] = f->packed[n].source;
	rc = unpack_files(files, f->n_packed, e);
	for (size_t n = 0; n < f->n_packed && rc == 0; n++)
		rc = initrd_add_file(f->i, f->packed[n].path, files[n], false, f->packed[n].why, e);
	return rc;
}

int firmware_add(struct initrd *i, const struct firmware_search *s, char *const *files,
		 struct firmware_count *ret, struct err *e)
{
	SCOPED(firmware_done) struct firmware f = { .i = i, .search = s, .root = -1 };
	int rc = 0;

	if (strcmp(s->which, "none") != 0)
		rc = choose_bases(&f, e);
	if (rc == 0 && f.n_bases)
		rc = add_of_modules(&f, files, e);
	if (rc == 0)
		rc = add_packed(&f, e);
	*ret = f.count;
	return rc;
}
