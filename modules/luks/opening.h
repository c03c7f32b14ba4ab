/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* opening.h - a volume that is being opened, for the files of this folder alone. */
#pragma once

#include <libcryptsetup.h>
#include <string.h>

#include "modules/luks/header.h"
#include "modules/luks/luks.h"

enum {
	LUKS_MAX_SECRET = 8192, /* of a key file; people type less */
	LUKS_MAX_KEY = 128,     /* of a volume: twice what AES can use */
};

/* A passphrase, or the bytes of a key file. */
struct luks_secret {
	size_t n;
	char p[LUKS_MAX_SECRET + 1];
};

static inline void secret_wipe(struct luks_secret *s)
{
	explicit_bzero(s, sizeof(*s));
}

struct luks_key {
	size_t n;
	uint8_t p[LUKS_MAX_KEY];
};

struct opening {
	const struct luks_request *request;
	int copy; /* of the header, in memory */
	struct luks_header header;
	struct crypt_device *cd;
	struct luks_key key;  /* once something fits */
	int slot;
	const char *by;       /* a word for luks_by() */
	char tried[256];      /* what did not help, for the message */
};

/* Whether the secret opens this key slot, or CRYPT_ANY_SLOT: then o->key and o->slot are filled.
 * Returns 1 or 0, after which o->tried says why if it is not the secret that is wrong. */
int opening_try(struct opening *o, int slot, const struct luks_secret *s);

/* Adds to o->tried. */
__attribute__((format(printf, 2, 3)))
void opening_note(struct opening *o, const char *fmt, ...);

/* Reads a file whole, a newline at its end included. False if there is none, or none of at most
 * LUKS_MAX_SECRET bytes: then errno says why. */
bool secret_read(const char *path, struct luks_secret *ret);

/* Each tries one kind of key: 1 if the volume's key is known, 0 if not, or what must end the boot. */
int unlock_by_tpm(struct opening *o, struct err *e);
int unlock_by_file(struct opening *o, struct err *e);
int unlock_by_credential(struct opening *o, struct err *e);
int unlock_by_person(struct opening *o, struct err *e);
