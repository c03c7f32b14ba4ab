/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/eventlog.h"

#include <stdbool.h>
#include <string.h>

#include "init/core/bytes.h"
#include "init/core/cleanup.h"
#include "init/core/json.h"

/* Adds the value, which is NULL if there was no memory to make it; takes it. */
static bool put(struct json_object *object, const char *key, struct json_object *value)
{
	if (!value)
		return false;
	if (json_object_object_add(object, key, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

static bool put_text(struct json_object *object, const char *key, const char *text)
{
	return put(object, key, json_object_new_string(text));
}

static bool put_digest(struct json_object *digests, const struct tpm_digest *d)
{
	struct json_object *o = json_object_new_object();
	char hex[2 * TPM_MAX_DIGEST_BYTES + 1];

	hex_encode(d->bytes, d->n_bytes, hex);
	if (o && put_text(o, "hashAlg", d->bank) && put_text(o, "digest", hex) &&
	    json_object_array_add(digests, o) == 0)
		return true;
	json_object_put(o);
	return false;
}

static struct json_object *make_digests(const struct measurement *m)
{
	SCOPED(json_drop) struct json_object *o = json_object_new_array();

	for (size_t i = 0; o && i < m->n_digests; i++)
		if (!put_digest(o, &m->digests[i]))
			return NULL;
	return ptr_take(&o);
}

static struct json_object *make_content(const struct measurement *m, const char *event_type,
					const char *boot_id, uint64_t boottime_us)
{
	SCOPED(json_drop) struct json_object *o = json_object_new_object();

	if (o && (!m->nv_index || put_text(o, "nvIndexName", m->nvpcr)) &&
	    put_text(o, "string", m->text) && put_text(o, "bootId", boot_id) &&
	    put(o, "timestamp", json_object_new_int64((int64_t)boottime_us)) &&
	    put_text(o, "eventType", event_type))
		return ptr_take(&o);
	return NULL;
}

/* RS, the text, newline (RFC 7464). */
static char *frame(const char *json, size_t *ret_n)
{
	size_t n = strlen(json);
	char *record = malloc(n + 3);

	if (!record)
		return NULL;
	record[0] = '\x1e';
	memcpy(record + 1, json, n);
	memcpy(record + 1 + n, "\n", 2);
	*ret_n = n + 2;
	return record;
}

char *eventlog_format(const struct measurement *m, const char *event_type, const char *boot_id,
		      uint64_t boottime_us, size_t *ret_n)
{
	SCOPED(json_drop) struct json_object *o = json_object_new_object();
	const char *json = NULL;

	if (o && put(o, m->nv_index ? "nv_index" : "pcr",
		     json_object_new_int64(m->nv_index ? m->nv_index : m->pcr)) &&
	    put(o, "digests", make_digests(m)) && put_text(o, "content_type", "systemd") &&
	    put(o, "content", make_content(m, event_type, boot_id, boottime_us)))
		json = json_object_to_json_string_ext(
			o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	return json ? frame(json, ret_n) : NULL;
}
