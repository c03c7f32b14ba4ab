/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys that the TPM does not keep. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/luks/opening.h"
#include "modules/luks/prompt.h"
#include "modules/luks/recovery.h"

enum { TRIES = 3 };

bool secret_read(const char *path, struct luks_secret *ret)
{
	SCOPED(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	n = S_ISREG(st.st_mode) ? read_upto(fd, ret->p, sizeof(ret->p)) : -1;
	if (n <= 0 || n > LUKS_MAX_SECRET) {
		errno = n < 0 ? errno : n ? EFBIG : ENODATA;
		return false;
	}
	ret->n = (size_t)n;
	ret->p[n] = '\0';
	return true;
}

/* Returns as opening_try(), or -1 if there is no such file. */
static int try_file(struct opening *o, const char *path, const char *by)
{
	SCOPED(secret_wipe) struct luks_secret s = { .n = 0 };
	int fits;

	if (!secret_read(path, &s)) {
		if (errno != ENOENT && errno != ENOTDIR)
			opening_note(o, "'%s' cannot be read (%m)", path);
		return -1;
	}
	fits = opening_try(o, CRYPT_ANY_SLOT, &s);
	o->by = by;
	if (!fits)
		opening_note(o, "'%s' does not fit", path);
	return fits;
}

int unlock_by_file(struct opening *o, struct err *e)
{
	static const char *const folders[] = { "/etc", "/run" };
	char path[128];
	int rc;

	(void)e;
	if (o->request->key_file) {
		rc = try_file(o, o->request->key_file, "key file");
		if (rc < 0)
			opening_note(o, "there is no key file '%s'", o->request->key_file);
		return rc > 0;
	}
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		snprintf(path, sizeof(path), "%s/cryptsetup-keys.d/%s.key", folders[i], o->request->name);
		rc = try_file(o, path, "key file");
		if (rc >= 0)
			return rc;
	}
	return 0;
}

int unlock_by_credential(struct opening *o, struct err *e)
{
	const char *folder = NULL;
	char path[128];
	int rc = o->request->credentials(o->request->arg, &folder, e);

	if (rc < 0 || !folder)
		return rc;
	snprintf(path, sizeof(path), "%s/cryptsetup.passphrase", folder);
	return try_file(o, path, "credential") > 0;
}

/* As it was typed, and if it looks like a recovery key, in the form that was enrolled. */
static int try_typed(struct opening *o, struct luks_secret *s)
{
	char key[RECOVERY_KEY_BYTES];
	int fits = s->n ? opening_try(o, CRYPT_ANY_SLOT, s) : 0;

	if (!fits && recovery_key_normalise(s->p, key) && strcmp(key, s->p) != 0) {
		s->n = strlen(strcpy(s->p, key));
		fits = opening_try(o, CRYPT_ANY_SLOT, s);
	}
	explicit_bzero(key, sizeof(key));
	return fits;
}

int unlock_by_person(struct opening *o, struct err *e)
{
	SCOPED(secret_wipe) struct luks_secret s = { .n = 0 };
	char question[160];

	if (!o->request->may_ask)
		return 0;
	o->by = "passphrase";
	for (int i = 1; i <= TRIES; i++) {
		int rc;

		snprintf(question, sizeof(question), "Passphrase or recovery key of '%s' (%d of %d): ",
			 o->request->name, i, TRIES);
		rc = prompt_secret("/dev/console", question, PROMPT_TIMEOUT_MS, &s, e);
		if (rc < 0)
			return rc;
		if (try_typed(o, &s))
			return 1;
		log_console(LOG_WARNING, "slipway: this does not open '%s'", o->request->name);
	}
	opening_note(o, "%d wrong answers", TRIES);
	return 0;
}
