/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/luks/header.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/json.h"

enum { SECTOR = 512, AT_VERSION = 6, AT_SIZE = 8, AT_OFFSET = 256 };

static const char magic_first[] = "LUKS\xba\xbe", magic_second[] = "SKUL\xba\xbe";

int luks_header_size(struct bytes b, uint64_t at, uint64_t *ret, struct err *e)
{
	unsigned version;
	uint64_t n;

	if (b.n < LUKS_BINARY_BYTES || memcmp(b.p, at ? magic_second : magic_first, 6) != 0)
		return err_set(e, ERR_LUKS_HEADER, 0, "there is no LUKS header");
	version = be16(b.p + AT_VERSION);
	if (version != 2)
		return err_set(e, ERR_LUKS_HEADER, 0, "the LUKS header has version %u, not 2", version);
	n = be64(b.p + AT_SIZE);
	if (n < LUKS_MIN_HEADER_BYTES || n > LUKS_MAX_HEADER_BYTES || n & (n - 1))
		return err_set(e, ERR_LUKS_HEADER, 0, "the LUKS header claims to have %llu bytes",
			       (unsigned long long)n);
	if (be64(b.p + AT_OFFSET) != at || (at && at != n))
		return err_set(e, ERR_LUKS_HEADER, 0, "the LUKS header is not where it says");
	*ret = n;
	return 0;
}

/* ---- members of JSON ---- */

static struct json_object *member(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(o, key, &value);
	return value && json_object_is_type(value, type) ? value : NULL;
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *value = member(o, key, json_type_string);

	return value ? json_object_get_string(value) : "";
}

/* Numbers of 64 bits are decimal texts. */
static bool number_of(struct json_object *o, const char *key, uint64_t *ret)
{
	const char *text = text_of(o, key);
	uint64_t n = 0;

	if (!*text || strlen(text) > 18)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (unsigned)(*text - '0');
	}
	*ret = n;
	return true;
}

static int count_of(struct json_object *o, const char *key)
{
	struct json_object *value = member(o, key, json_type_object);

	return value ? json_object_object_length(value) : 0;
}

/* Also of an empty list. */
static bool has(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(o, key, &value);
}

/* ---- what must not be opened ---- */

/* What cryptsetup, systemd-repart and systemd-homed make; and the kernel modules that the initrd has. */
static bool is_cipher(const char *name)
{
	return strcmp(name, "aes-xts-plain64") == 0;
}

static int check_segment(struct json_object *top, uint64_t header_bytes, uint64_t partition_bytes,
			 struct luks_header *ret, struct err *e)
{
	struct json_object *all = member(top, "segments", json_type_object);
	struct json_object *s = all ? member(all, "0", json_type_object) : NULL;
	uint64_t n_bytes;

	if (!s || json_object_object_length(all) != 1 || has(s, "flags"))
		return err_set(e, ERR_LUKS_HEADER, 0,
			       "the LUKS header has not one segment, as while it is re-encrypted");
	if (strcmp(text_of(s, "type"), "crypt") != 0 || !is_cipher(text_of(s, "encryption")))
		return err_set(e, ERR_LUKS_HEADER, 0, "the LUKS header asks for cipher '%.40s'",
			       text_of(s, "encryption"));
	if (has(s, "integrity"))
		return err_set(e, ERR_LUKS_HEADER, 0,
			       "the LUKS header asks for dm-integrity, which this initrd does not have");
	if (!number_of(s, "offset", &ret->data_at) || ret->data_at % SECTOR ||
	    ret->data_at < 2 * header_bytes || ret->data_at >= partition_bytes)
		return err_set(e, ERR_LUKS_HEADER, 0, "the LUKS segment begins at '%.24s'",
			       text_of(s, "offset"));
	if (strcmp(text_of(s, "size"), "dynamic") == 0)
		return 0;
	if (!number_of(s, "size", &n_bytes) || !n_bytes || n_bytes % SECTOR ||
	    n_bytes > partition_bytes - ret->data_at)
		return err_set(e, ERR_LUKS_HEADER, 0, "the LUKS segment has '%.24s' bytes",
			       text_of(s, "size"));
	return 0;
}

static int check_area(struct json_object *area, uint64_t header_bytes, struct luks_header *ret,
		      struct err *e)
{
	struct luks_area *a = &ret->areas[ret->n_areas];

	if (!area || strcmp(text_of(area, "type"), "raw") != 0 || !is_cipher(text_of(area, "encryption")))
		return err_set(e, ERR_LUKS_HEADER, 0, "a LUKS key slot asks for cipher '%.40s'",
			       area ? text_of(area, "encryption") : "");
	if (!number_of(area, "offset", &a->at) || !number_of(area, "size", &a->n_bytes) ||
	    !a->n_bytes || a->n_bytes > LUKS_MAX_AREA_BYTES || a->at < 2 * header_bytes ||
	    a->at > ret->data_at || a->n_bytes > ret->data_at - a->at)
		return err_set(e, ERR_LUKS_HEADER, 0, "a LUKS key slot lies at '%.24s', of '%.24s' bytes",
			       text_of(area, "offset"), text_of(area, "size"));
	ret->n_areas++;
	return 0;
}

static int slot_number(const char *name)
{
	size_t n = strlen(name);
	int slot = n == 0 || n > 2 || strspn(name, "0123456789") != n ? LUKS_MAX_SLOTS : atoi(name);

	return slot < LUKS_MAX_SLOTS ? slot : -1;
}

static int check_slot(const char *name, struct json_object *slot, uint64_t header_bytes,
		      struct luks_header *ret, struct err *e)
{
	struct json_object *kdf = member(slot, "kdf", json_type_object);
	struct json_object *memory = kdf ? member(kdf, "memory", json_type_int) : NULL;
	int64_t kib = memory ? json_object_get_int64(memory) : 0;
	int number = slot_number(name);

	if (number < 0 || strcmp(text_of(slot, "type"), "luks2") != 0)
		return err_set(e, ERR_LUKS_HEADER, 0, "LUKS key slot '%.20s' is of type '%.20s'", name,
			       text_of(slot, "type"));
	if (!kdf || kib < 0 || kib > UINT32_MAX)
		return err_set(e, ERR_LUKS_HEADER, 0, "LUKS key slot '%.20s' says not how to derive a key",
			       name);
	ret->memory_kib[number] = (uint32_t)kib;
	return check_area(member(slot, "area", json_type_object), header_bytes, ret, e);
}

static int check_slots(struct json_object *top, uint64_t header_bytes, struct luks_header *ret,
		       struct err *e)
{
	struct json_object *all = member(top, "keyslots", json_type_object);
	int rc = 0;

	if (!all || json_object_object_length(all) < 1 || json_object_object_length(all) > LUKS_MAX_SLOTS)
		return err_set(e, ERR_LUKS_HEADER, 0, "the LUKS header has '%d' key slots",
			       count_of(top, "keyslots"));
	json_object_object_foreach(all, name, slot)
		if (rc == 0)
			rc = check_slot(name, slot, header_bytes, ret, e);
	return rc;
}

/* Somebody else's feature could change what all the rest means. */
static int check_rest(struct json_object *top, struct err *e)
{
	struct json_object *config = member(top, "config", json_type_object);

	if (!config || has(config, "requirements"))
		return err_set(e, ERR_LUKS_HEADER, 0,
			       "the LUKS header requires something that this initrd does not know");
	if (count_of(top, "tokens") > LUKS_MAX_TOKENS)
		return err_set(e, ERR_LUKS_HEADER, 0, "the LUKS header has '%d' tokens, more than %d",
			       count_of(top, "tokens"), LUKS_MAX_TOKENS);
	return 0;
}

/* Text, then NULs up to the end. */
static int parse_json(struct bytes area, struct json_object **ret, struct err *e)
{
	const uint8_t *end = memchr(area.p, 0, area.n);
	const char *why = NULL;

	if (!end || !bytes_are_zero(end, area.n - (size_t)(end - area.p)))
		return err_set(e, ERR_LUKS_HEADER, 0, "something follows the text of the LUKS header");
	*ret = json_parse_object((const char *)area.p, &why);
	if (!*ret && !why)
		return err_set(e, ERR_MEMORY, 0, "no memory to parse a LUKS header");
	if (!*ret)
		return err_set(e, ERR_LUKS_HEADER, 0, "the text of the LUKS header %s", why);
	return 0;
}

int luks_header_parse(struct bytes b, uint64_t at, uint64_t partition_bytes,
		      struct luks_header *ret, struct err *e)
{
	SCOPED(json_drop) struct json_object *top = NULL;
	struct luks_header h = { 0 };
	int rc = luks_header_size(b, at, &h.n_bytes, e);

	if (rc == 0 && h.n_bytes != b.n)
		return err_set(e, ERR_LUKS_HEADER, 0, "the LUKS header has '%zu' bytes, not %llu", b.n,
			       (unsigned long long)h.n_bytes);
	if (rc == 0)
		rc = parse_json((struct bytes){ b.p + LUKS_BINARY_BYTES, b.n - LUKS_BINARY_BYTES }, &top, e);
	if (rc == 0)
		rc = check_rest(top, e);
	if (rc == 0)
		rc = check_segment(top, h.n_bytes, partition_bytes, &h, e);
	if (rc == 0)
		rc = check_slots(top, h.n_bytes, &h, e);
	if (rc == 0)
		*ret = h;
	return rc;
}
