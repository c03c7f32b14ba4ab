/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/record.h"

#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/json.h"

enum { MAX_DEPTH = 16, SCHEMA = 1 };

/* The next value of the bytes from *at on, which it moves; NULL at the end or at what is no JSON. */
static struct json_object *next_value(struct json_tokener *t, const char *bytes, size_t n, size_t *at)
{
	struct json_object *o;

	json_tokener_reset(t);
	o = json_tokener_parse_ex(t, bytes + *at, (int)(n - *at));
	*at += json_tokener_get_parse_end(t);
	return o;
}

static int check_schema(struct json_object *record, struct err *e)
{
	unsigned long long schema = record_number(record, "schema");

	if (schema == SCHEMA)
		return 0;
	return schema ? err_set(e, ERR_UNSUPPORTED, 0, "schema %llu is not known to this version", schema) :
			err_set(e, ERR_UNSUPPORTED, 0, "there is no record of a boot in it");
}

int record_parse(const char *bytes, size_t n, struct json_object **ret, struct err *e)
{
	SCOPED(tokener_drop) struct json_tokener *tokener = json_tokener_new_ex(MAX_DEPTH);
	SCOPED(json_drop) struct json_object *last = NULL;
	struct json_object *o;
	size_t at = 0;
	int rc;

	if (!tokener)
		return err_set(e, ERR_MEMORY, 0, "parse a record");
	if (n > RECORD_MAX_BYTES)
		return err_set(e, ERR_UNSUPPORTED, 0, "more than %d bytes are no record", RECORD_MAX_BYTES);
	while (at < n && (o = next_value(tokener, bytes, n, &at))) {
		json_object_put(last);
		last = o;
	}
	rc = check_schema(last, e);
	if (rc >= 0)
		*ret = ptr_take(&last);
	return rc;
}

struct json_object *record_object(struct json_object *o, const char *key)
{
	struct json_object *member = NULL;

	return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &member) ?
		       member : NULL;
}

const char *record_text(struct json_object *o, const char *key)
{
	struct json_object *member = record_object(o, key);

	return json_object_is_type(member, json_type_string) ? json_object_get_string(member) : NULL;
}

uint64_t record_number(struct json_object *o, const char *key)
{
	struct json_object *member = record_object(o, key);
	int64_t number = json_object_is_type(member, json_type_int) ? json_object_get_int64(member) : 0;

	return number > 0 ? (uint64_t)number : 0;
}

int record_is(struct json_object *o, const char *key)
{
	struct json_object *member = record_object(o, key);

	return json_object_is_type(member, json_type_boolean) ? json_object_get_boolean(member) : -1;
}

size_t record_count(struct json_object *o, const char *key)
{
	struct json_object *list = record_object(o, key);
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	return n < RECORD_MAX_ITEMS ? n : RECORD_MAX_ITEMS;
}

struct json_object *record_item(struct json_object *o, const char *key, size_t i)
{
	return json_object_array_get_idx(record_object(o, key), i);
}
