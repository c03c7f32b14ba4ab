/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/core/json.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "init/core/cleanup.h"

enum { MAX_DEPTH = 8 };

/* Counts the members of the outermost object of well-formed JSON. */
static int count_members(const char *text)
{
	bool in_string = false;
	int depth = 0, n = 0;

	for (const char *p = text; *p; p++) {
		if (in_string && *p == '\\')
			p++; /* well-formed: something follows */
		else if (*p == '"')
			in_string = !in_string;
		else if (in_string)
			continue;
		else if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		else if (*p == ':' && depth == 1)
			n++;
	}
	return n;
}

struct json_object *json_parse_object(const char *text, const char **ret_why)
{
	SCOPED(tokener_drop) struct json_tokener *tokener = json_tokener_new_ex(MAX_DEPTH);
	SCOPED(json_drop) struct json_object *object = NULL;
	size_t n = strlen(text);

	*ret_why = NULL;
	if (!tokener || n >= INT_MAX)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, (int)n + 1);
	if (json_tokener_get_error(tokener) != json_tokener_success)
		*ret_why = json_tokener_error_desc(json_tokener_get_error(tokener));
	else if (!json_object_is_type(object, json_type_object))
		*ret_why = "it is no object";
	/* The library keeps the last of equal keys; another reader might keep the first. */
	else if (count_members(text) != json_object_object_length(object))
		*ret_why = "it has a key twice";
	return *ret_why ? NULL : ptr_take(&object);
}

int json_parse_bytes(struct bytes text, size_t max, const char *what, struct json_object **ret,
		     struct err *e)
{
	SCOPED(mem_free) char *copy = NULL;
	const char *why = NULL;

	if (text.n > max || (text.n && memchr(text.p, '\0', text.n)))
		return err_set(e, ERR_UNSUPPORTED, 0, "%s has '%zu' bytes, and is no text of at most %zu KiB",
			       what, text.n, max / 1024);
	copy = strndup((const char *)text.p, text.n);
	*ret = copy ? json_parse_object(copy, &why) : NULL;
	if (*ret)
		return 0;
	if (!why)
		return err_set(e, ERR_MEMORY, 0, "no memory to parse %s", what);
	return err_set(e, ERR_UNSUPPORTED, 0, "%s is no JSON: %s", what, why);
}

const char *json_text(struct json_object *value)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	text = json_object_get_string(value);
	return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}
