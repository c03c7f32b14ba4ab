/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* json.h - strict reading of JSON (RFC 8259), and release of what json-c gives when a scope ends;
 * see cleanup.h. */
#pragma once

#include <json-c/json.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

/* Parses one object, not deeper than eight levels, behind which nothing follows. Refuses bad UTF-8
 * and, in the outermost object, equal keys. The caller releases the object. On failure returns NULL
 * and says why, in words that follow "...: "; without memory *ret_why is NULL. */
struct json_object *json_parse_object(const char *text, const char **ret_why);

/* The same of bytes that are text, at most max of them. what is for messages: "the token".
 * Errors: ERR_UNSUPPORTED, ERR_MEMORY. */
int json_parse_bytes(struct bytes text, size_t max, const char *what, struct json_object **ret,
		     struct err *e);

/* The text of a string without a NUL in it, owned by value; else NULL. */
const char *json_text(struct json_object *value);

static inline void json_drop(struct json_object **o)
{
	json_object_put(*o);
}

static inline void tokener_drop(struct json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}
