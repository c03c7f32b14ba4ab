/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/volume_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "init/core/bytes.h"
#include "init/core/cleanup.h"
#include "init/core/file.h"

enum {
	MAX_NAME_BYTES = 127, /* of a device-mapper device */
	MIN_KEY_BYTES = 16,
	MAX_KEY_BYTES = 512,
};

struct secret {
	uint8_t p[MAX_KEY_BYTES + 1];
	size_t n;
};

static void secret_wipe(struct secret *s)
{
	explicit_bzero(s, sizeof(*s));
}

/* As it is measured: in lower case. */
static bool is_uuid(const char *text, size_t n)
{
	char given[UUID_TEXT_BYTES], measured[UUID_TEXT_BYTES];
	struct uuid uuid;

	if (n >= sizeof(given))
		return false;
	memcpy(given, text, n);
	given[n] = '\0';
	return uuid_from_text(given, &uuid) && strcmp(uuid_format(&uuid, measured), given) == 0;
}

static int read_key(const char *path, struct secret *ret, struct err *e)
{
	SCOPED(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read_upto(fd, ret->p, sizeof(ret->p));

	if (n < 0)
		return err_set(e, ERR_SYSTEM, errno, "read '%.200s'", path);
	if (n < MIN_KEY_BYTES || n > MAX_KEY_BYTES)
		return err_set(e, ERR_CONFIG, 0, "'%.200s' is no volume key, which has %d to %d bytes",
			       path, MIN_KEY_BYTES, MAX_KEY_BYTES);
	ret->n = (size_t)n;
	return 0;
}

int volume_key_extend(struct pcr *pcr, const char *text, struct err *e)
{
	SCOPED(secret_wipe) struct secret key = { .n = 0 };
	size_t name = strcspn(text, ":");
	const char *uuid = text + name + (text[name] == ':');
	size_t n = strcspn(uuid, ":");
	char word[sizeof("cryptsetup::") + MAX_NAME_BYTES + UUID_TEXT_BYTES];
	int rc;

	if (!name || name > MAX_NAME_BYTES || !is_uuid(uuid, n) || (uuid[n] && !uuid[n + 1]))
		return err_set(e, ERR_CONFIG, 0,
			       "--volume-key '%.200s' is not NAME:UUID:FILE, with a UUID in lower case, "
			       "or NAME:UUID",
			       text);
	if (!uuid[n])
		return 0;
	rc = read_key(uuid + n + 1, &key, e);
	if (rc < 0)
		return rc;
	snprintf(word, sizeof(word), "cryptsetup:%.*s", (int)(name + 1 + n), text);
	rc = pcr_extend_keyed(pcr, (struct bytes){ key.p, key.n }, word, e);
	return rc < 0 ? rc : 1;
}
