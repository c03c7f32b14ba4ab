/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/luks_words.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { UUID_CHARACTERS = UUID_TEXT_BYTES - 1 };

static int bad(struct err *e, const char *key, const char *value)
{
	return err_set(e, ERR_CMDLINE, 0, "'%s=%.80s' is not understood", key, value);
}

/* Takes a UUID at the beginning of the value, with '=' behind it. Returns 1 if there was one. */
static int take_uuid(struct luks_words *w, const char *key, const char **value, struct err *e)
{
	char text[UUID_TEXT_BYTES];
	struct uuid uuid;

	snprintf(text, sizeof(text), "%s", *value);
	if (!uuid_from_text(text, &uuid) ||
	    ((*value)[UUID_CHARACTERS] != '=' && (*value)[UUID_CHARACTERS] != '\0'))
		return 0;
	if (w->has_uuid && !uuid_equal(&w->uuid, &uuid))
		return err_set(e, ERR_CMDLINE, 0,
			       "'%s=' names another volume than the word before, and only one is opened", key);
	w->has_uuid = true;
	w->uuid = uuid;
	*value += UUID_CHARACTERS;
	*value += **value == '=';
	return 1;
}

int luks_words_uuid(struct luks_words *w, const char *value, struct err *e)
{
	const char *rest = value + (strncmp(value, "luks-", 5) == 0 ? 5 : 0);
	int rc = take_uuid(w, "luks.uuid", &rest, e);

	return rc < 0 ? rc : rc == 0 || *rest || strchr(value, '=') ? bad(e, "luks.uuid", value) : 0;
}

/* As the host finds it in the same place whatever opened it. */
int luks_words_name(struct luks_words *w, const char *value, struct err *e)
{
	const char *rest = value;
	int rc = take_uuid(w, "luks.name", &rest, e);

	if (rc <= 0)
		return rc < 0 ? rc : bad(e, "luks.name", value);
	if (strcmp(rest, "root") != 0)
		return err_set(e, ERR_UNSUPPORTED, 0,
			       "'luks.name=%.80s': no encrypted volume is opened here but the root, as 'root'",
			       value);
	return 0;
}

/* Of the forms of systemd those that need no other volume and no other disk. */
int luks_words_key(struct luks_words *w, const char *value, struct err *e)
{
	const char *rest = value;
	int rc = take_uuid(w, "luks.key", &rest, e);

	if (rc < 0)
		return rc;
	if (rest[0] != '/' || strchr(rest, ':'))
		return err_set(e, ERR_UNSUPPORTED, 0, "'luks.key=%.80s' is no file of this initrd", value);
	if (strlen(rest) >= sizeof(w->key))
		return err_set(e, ERR_CMDLINE, 0, "'luks.key=' is longer than %zu bytes", sizeof(w->key) - 1);
	strcpy(w->key, rest);
	return 0;
}

/* ---- luks.options= ---- */

struct flag {
	const char *name;
	size_t at; /* in struct luks_words; SIZE_MAX: it is done anyway */
};

static const struct flag flags[] = {
	{ "discard", offsetof(struct luks_words, discard) },
	{ "no-read-workqueue", offsetof(struct luks_words, no_read_workqueue) },
	{ "no-write-workqueue", offsetof(struct luks_words, no_write_workqueue) },
	{ "luks", SIZE_MAX },
	{ "tpm2-device=auto", SIZE_MAX },
	{ "x-initrd.attach", SIZE_MAX },
};

/* Of two, whoever can append words would have the last one. */
static int fix_key(struct luks_words *w, const char *hex, struct err *e)
{
	uint8_t key[FIXED_KEY_BYTES];

	if (hex_decode(hex, key, sizeof(key)) != FIXED_KEY_BYTES)
		return bad(e, "fixate-volume-key", hex);
	if (w->has_fixed_key && memcmp(w->fixed_key, key, sizeof(key)) != 0)
		return err_set(e, ERR_CMDLINE, 0, "'fixate-volume-key=' is given twice with different values");
	w->has_fixed_key = true;
	memcpy(w->fixed_key, key, sizeof(key));
	return 0;
}

static int take_option(struct luks_words *w, const char *option, struct err *e)
{
	static const char fixate[] = "fixate-volume-key=";

	if (strncmp(option, fixate, sizeof(fixate) - 1) == 0)
		return fix_key(w, option + sizeof(fixate) - 1, e);
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		if (strcmp(option, flags[i].name) != 0)
			continue;
		if (flags[i].at != SIZE_MAX)
			*(bool *)((char *)w + flags[i].at) = true;
		return 0;
	}
	return err_set(e, ERR_UNSUPPORTED, 0, "'luks.options=': no option '%.80s' of this initrd", option);
}

int luks_words_options(struct luks_words *w, const char *value, struct err *e)
{
	char option[128];
	int rc = take_uuid(w, "luks.options", &value, e);

	for (rc = rc < 0 ? rc : 0; rc == 0 && *value; value += *value == ',') {
		size_t n = strcspn(value, ",");

		if (n >= sizeof(option))
			return bad(e, "luks.options", value);
		memcpy(option, value, n);
		option[n] = '\0';
		value += n;
		if (n)
			rc = take_option(w, option, e);
	}
	return rc;
}

int luks_words_check(const struct luks_words *w, bool encrypted, struct err *e)
{
	if (encrypted && !w->may_open)
		return err_set(e, ERR_CMDLINE, 0,
			       "the root is encrypted, and 'luks=no' forbids to open it");
	if (encrypted || (!w->has_uuid && !w->has_fixed_key))
		return 0;
	return err_set(e, ERR_UNSUPPORTED, 0,
		       "the command line names an encrypted volume, and the root is not encrypted");
}
