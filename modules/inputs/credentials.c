/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/inputs/credentials.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/core/bytes.h"
#include "init/core/cleanup.h"
#include "init/core/log.h"
#include "modules/inputs/options.h"
#include "modules/inputs/smbios.h"

#define SYSTEM "/run/credentials/@system"
#define ENCRYPTED "/run/credentials/@encrypted"
#define LENT "/run/credentials/@slipway"
/* The kernel itself shows all of it, and dmi-sysfs, a module, the same in pieces. */
#define SMBIOS_TABLE "/sys/firmware/dmi/tables/DMI"

/* One credential a file, in the order in which a name is taken. */
static const struct folder {
	const char *path;
	const char *suffix; /* of a file that counts; no part of the name */
	const char *inner;  /* where the content is, below the entry */
	bool encrypted;
	bool of_firmware;
} folders[] = {
	{ "/.extra/credentials", ".cred", "", true, false },
	{ "/.extra/global_credentials", ".cred", "", true, false },
	{ "/.extra/system_credentials", ".cred", "", false, false },
	{ "/sys/firmware/qemu_fw_cfg/by_name/opt/io.systemd.credentials", "", "/raw", false, true },
};

enum { N_FOLDERS = sizeof(folders) / sizeof(*folders) };

struct import {
	const struct credential_sources *from;
	struct credential_store *encrypted, *system;
	char *buffer; /* CREDENTIAL_MAX_BYTES and one more, to see that there is more */
};

struct list {
	struct dirent **at;
	int n;
};

static void list_free(struct list *l)
{
	while (l->n > 0)
		free(l->at[--l->n]);
	free(l->at);
}

static int is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* A folder that is absent, or a link, has no files. */
static int list_folder(const char *root, const struct folder *f, struct list *ret, struct err *e)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s", root, f->path);
	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	ret->n = scandir(path, &ret->at, is_visible, alphasort);
	if (ret->n < 0)
		return err_set(e, errno == ENOMEM ? ERR_MEMORY : ERR_SYSTEM, errno, "list '%s'", path);
	return 0;
}

/* The length of the name that a file stands for, 0 if it does not count. */
static size_t name_length(const struct folder *f, const char *file)
{
	size_t n = strlen(file), suffix = strlen(f->suffix);

	return n > suffix && strcmp(file + n - suffix, f->suffix) == 0 ? n - suffix : 0;
}

/* Reads a plain file to its end, at most max bytes. Returns the length, or -1 and errno. */
static ssize_t read_plain(const char *path, char *ret, size_t max)
{
	SCOPED(fd_close) int fd = open(path,
				       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	size_t n = 0;
	ssize_t got = 1;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	while (got && n < max) {
		got = read(fd, ret + n, max - n);
		if (got < 0 && errno != EINTR)
			return -1;
		n += got > 0 ? (size_t)got : 0;
	}
	return (ssize_t)n;
}

static int add_file(const struct import *im, const struct folder *f, const char *file, struct err *e)
{
	struct credential_store *store = f->encrypted ? im->encrypted : im->system;
	struct credential c = { .from = f->path, .p = im->buffer };
	char path[PATH_MAX], name[NAME_MAX + 1];
	ssize_t n;

	snprintf(name, sizeof(name), "%.*s", (int)name_length(f, file), file);
	if (!*name)
		return 0;
	if (!credential_name_valid(name)) {
		credential_skip(store, f->path, NULL, "its name is no plain file name");
		return 0;
	}
	snprintf(path, sizeof(path), "%s%s/%s%s", im->from->root, f->path, file, f->inner);
	n = read_plain(path, im->buffer, CREDENTIAL_MAX_BYTES + 1);
	if (n < 0) {
		credential_skip(store, f->path, name, "it cannot be read as a plain file");
		return 0;
	}
	c.name = name;
	c.n = (size_t)n;
	return credential_store_add(store, &c, e);
}

static int add_folder(const struct import *im, const struct folder *f, struct err *e)
{
	SCOPED(list_free) struct list files = { 0 };
	int rc = list_folder(im->from->root, f, &files, e);

	for (int i = 0; rc >= 0 && i < files.n; i++)
		rc = add_file(im, f, files.at[i]->d_name, e);
	return rc;
}

char *credential_in_oem_string(char *text, bool *ret_binary)
{
	static const char plain[] = "io.systemd.credential:", binary[] = "io.systemd.credential.binary:";

	*ret_binary = strncmp(text, binary, sizeof(binary) - 1) == 0;
	if (*ret_binary)
		return text + sizeof(binary) - 1;
	return strncmp(text, plain, sizeof(plain) - 1) == 0 ? text + sizeof(plain) - 1 : NULL;
}

const char *credential_parse(char *text, char separator, bool binary, struct credential *ret)
{
	char *value = strchr(text, separator);
	int n;

	ret->name = NULL;
	if (!value)
		return "it has no value";
	*value++ = '\0';
	if (!credential_name_valid(text))
		return "its name is no plain file name";
	ret->name = text;
	ret->p = value;
	ret->n = strlen(value);
	if (!binary || !ret->n)
		return NULL;
	/* Three bytes for four: what is written was read already. */
	n = base64_decode(value, (uint8_t *)value, ret->n);
	if (n < 0)
		return "its value is not base64";
	ret->n = (size_t)n;
	return NULL;
}

static int add_text(const struct import *im, char *text, char separator, bool binary,
		    const char *from, struct err *e)
{
	struct credential c = { .from = from };
	const char *flaw = credential_parse(text, separator, binary, &c);

	if (!flaw)
		return credential_store_add(im->system, &c, e);
	credential_skip(im->system, from, c.name, flaw);
	return 0;
}

static int add_oem_strings(const struct import *im, char *raw, size_t n, struct err *e)
{
	char *end, *text, *at = smbios_oem_strings(raw, n, &end);
	int rc = 0;

	while (at && rc >= 0 && (text = smbios_next(&at, end))) {
		bool binary;

		text = credential_in_oem_string(text, &binary);
		if (text)
			rc = add_text(im, text, '=', binary, "SMBIOS", e);
	}
	return rc;
}

static int add_smbios(const struct import *im, struct err *e)
{
	char path[PATH_MAX];
	ssize_t n;
	int rc = 0;

	snprintf(path, sizeof(path), "%s" SMBIOS_TABLE, im->from->root);
	n = read_plain(path, im->buffer, CREDENTIAL_MAX_BYTES + 1);
	if (n < 0 && errno != ENOENT)
		log_warning("cannot read '%s', going on without its credentials: %m", path);
	if (n > CREDENTIAL_MAX_BYTES)
		log_warning("'%s' has more than 1 MiB: credentials behind that are skipped", path);
	for (size_t at = 0, bytes; n > 0 && rc >= 0; at += bytes) {
		bytes = smbios_structure_bytes(im->buffer + at, (size_t)n - at);
		if (!bytes)
			break;
		rc = add_oem_strings(im, im->buffer + at, bytes, e);
	}
	return rc;
}

static int add_words(const struct import *im, struct err *e)
{
	const struct cmdline *c = im->from->words;
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < c->n_words; i++) {
		const struct cmdline_word *w = &c->words[i];
		bool binary = option_is(w->key, "systemd.set_credential_binary");

		/* The line has at most CMDLINE_MAX_BYTES, so the copy fits. */
		if (!w->value || (!binary && !option_is(w->key, "systemd.set_credential")))
			continue;
		snprintf(im->buffer, CREDENTIAL_MAX_BYTES, "%s", w->value);
		rc = add_text(im, im->buffer, ':', binary, "the command line", e);
	}
	return rc;
}

static int add_all(const struct import *im, struct err *e)
{
	enum confidential c = im->from->confidential;
	int rc = 0;

	if (c != CONFIDENTIAL_NO)
		log_info("the host of this confidential machine is not asked for credentials");
	for (size_t i = 0; rc >= 0 && i < N_FOLDERS; i++)
		if (!folders[i].of_firmware || c == CONFIDENTIAL_NO)
			rc = add_folder(im, &folders[i], e);
	if (rc >= 0 && c != CONFIDENTIAL_OTHER)
		rc = add_smbios(im, e);
	return rc < 0 ? rc : add_words(im, e);
}

int credentials_collect(const struct credential_sources *from, struct credential_store *encrypted,
			struct credential_store *system, struct err *e)
{
	SCOPED(mem_free) char *buffer = malloc(CREDENTIAL_MAX_BYTES + 1);
	const struct import im = { from, encrypted, system, buffer };
	int rc;

	if (!buffer)
		return err_set(e, ERR_MEMORY, 0, "no memory for credentials");
	rc = add_all(&im, e);
	explicit_bzero(buffer, CREDENTIAL_MAX_BYTES + 1);
	return rc;
}

int credentials_present(const char *root, struct err *e)
{
	for (size_t i = 0; i < N_FOLDERS; i++) {
		SCOPED(list_free) struct list files = { 0 };
		int rc = folders[i].of_firmware ? 0 : list_folder(root, &folders[i], &files, e);

		if (rc < 0)
			return rc;
		for (int j = 0; j < files.n; j++)
			if (name_length(&folders[i], files.at[j]->d_name))
				return 1;
	}
	return 0;
}

int credentials_import(const struct cmdline *words, struct credentials *ret, struct err *e)
{
	const struct credential_sources from = { "", confidential_vm(), words };
	struct credential_store encrypted = { .path = ENCRYPTED, .read_only = true, .fd = -1 };
	struct credential_store system = {
		.path = SYSTEM, .own_mount = true, .read_only = true, .fd = -1
	};
	int rc = credentials_collect(&from, &encrypted, &system, e);

	credential_store_close(&encrypted);
	credential_store_close(&system);
	if (rc < 0)
		return rc;
	log_info("credentials for the host: %zu encrypted, %zu others", encrypted.n, system.n);
	*ret = (struct credentials){ encrypted.n, system.n };
	return 0;
}

int credentials_lend(const struct cmdline *words, const struct credentials *imported,
		     const char **ret, struct err *e)
{
	const struct credential_sources from = { "", confidential_vm(), words };
	struct credential_store encrypted = { .path = LENT, .own_mount = true, .fd = -1 };
	struct credential_store system = encrypted;
	int rc = 0;

	*ret = imported->n_system ? SYSTEM : NULL;
	if (imported->n_system || imported->n_encrypted)
		return 0;
	/* Encrypted ones would have been imported. */
	rc = credentials_collect(&from, &encrypted, &system, e);
	credential_store_close(&encrypted);
	credential_store_close(&system);
	*ret = LENT;
	return rc;
}

void credentials_take_back(const char *folder)
{
	if (!folder || strcmp(folder, LENT) != 0)
		return;
	umount2(LENT, MNT_DETACH | UMOUNT_NOFOLLOW);
	/* Neither was there before, unless others use it, too. */
	if (rmdir(LENT) == 0)
		rmdir("/run/credentials");
}

void credentials_environment(const struct credentials *c, const char *ret[static 3])
{
	size_t n = 0;

	if (c->n_system)
		ret[n++] = "CREDENTIALS_DIRECTORY=" SYSTEM;
	if (c->n_encrypted)
		ret[n++] = "ENCRYPTED_CREDENTIALS_DIRECTORY=" ENCRYPTED;
	ret[n] = NULL;
}
