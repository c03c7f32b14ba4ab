/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* record_json.h - how the record is put together: for init/record*.c alone. Each takes what could not
 * be made, NULL, and does nothing with it: a boot does not end for want of its record. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/text.h"
#include "init/record.h"

struct record {
	struct json_object *top;
	struct json_object *stage; /* the one that runs; borrowed from top */
};

/* json-c's add functions take ownership of the value and accept NULL as null. */
static inline void put(struct json_object *o, const char *key, struct json_object *value)
{
	if (o)
		json_object_object_add(o, key, value);
	else
		json_object_put(value);
}

/* JSON is UTF-8, and a text may have been cut within a character. */
static inline struct json_object *new_text(const char *text)
{
	SCOPED(mem_free) char *copy = text ? strdup(text) : NULL;

	if (!copy)
		return NULL;
	text_sanitize(copy);
	return json_object_new_string(copy);
}

static inline void put_text(struct json_object *o, const char *key, const char *text)
{
	put(o, key, new_text(text));
}

static inline void put_number(struct json_object *o, const char *key, uint64_t n)
{
	put(o, key, json_object_new_int64((int64_t)n));
}

static inline void put_times(struct json_object *o, uint64_t start_us, uint64_t duration_us)
{
	put_number(o, "start_us", start_us);
	put_number(o, "duration_us", duration_us);
}

static inline void put_bool(struct json_object *o, const char *key, bool b)
{
	put(o, key, json_object_new_boolean(b));
}

/* The array top[key], made on first use. */
static inline struct json_object *array(struct record *r, const char *key)
{
	struct json_object *a = NULL;

	if (!r || json_object_object_get_ex(r->top, key, &a))
		return a;
	a = json_object_new_array();
	put(r->top, key, a);
	return a;
}

static inline struct json_object *append(struct json_object *a)
{
	struct json_object *o = a ? json_object_new_object() : NULL;

	if (o)
		json_object_array_add(a, o);
	return o;
}

static inline struct json_object *section(struct record *r, const char *key)
{
	struct json_object *o = r ? json_object_new_object() : NULL;

	if (o)
		put(r->top, key, o);
	return o;
}
