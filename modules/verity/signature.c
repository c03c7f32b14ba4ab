/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/verity/signature.h"

#include <stdlib.h>
#include <string.h>

#include "init/core/bytes.h"
#include "init/core/cleanup.h"
#include "init/core/json.h"

enum { MAX_DEPTH = 8, MIN_HASH_BYTES = 16 };

/* Copies the text before the NUL fill, without white space at its end. */
static int copy_text(const uint8_t *p, size_t n, char **ret, struct err *e)
{
	const uint8_t *end = n ? memchr(p, 0, n) : NULL;
	size_t len = end ? (size_t)(end - p) : n;
	char *text;

	if (n > SIGNATURE_MAX_BYTES)
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0,
			       "signature partition has more than 4 MiB");
	if (!bytes_are_zero(p + len, n - len))
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0,
			       "something follows the signature's NUL fill");
	while (len && strchr(" \t\r\n", p[len - 1]))
		len--;
	text = malloc(len + 1);
	if (!text)
		return err_set(e, ERR_MEMORY, 0, "no memory for a signature of '%zu' bytes", len);
	memcpy(text, p, len);
	text[len] = '\0';
	*ret = text;
	return 0;
}

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

static int parse_object(const char *text, struct json_object **ret, struct err *e)
{
	SCOPED(tokener_drop) struct json_tokener *tokener = json_tokener_new_ex(MAX_DEPTH);
	SCOPED(json_drop) struct json_object *object = NULL;

	if (!tokener)
		return err_set(e, ERR_MEMORY, 0, "no memory to parse a signature");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, (int)strlen(text) + 1);
	if (json_tokener_get_error(tokener) != json_tokener_success)
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0, "signature is no JSON: %s",
			       json_tokener_error_desc(json_tokener_get_error(tokener)));
	if (!json_object_is_type(object, json_type_object))
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0, "signature is no JSON object");
	/* The library keeps the last of equal keys; another reader might keep the first. */
	if (count_members(text) != json_object_object_length(object))
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0, "signature has a key twice");
	*ret = ptr_take(&object);
	return 0;
}

static int get_string(struct json_object *object, const char *key, const char **ret, struct err *e)
{
	struct json_object *value;
	const char *text;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0, "signature has no text '%s'", key);
	text = json_object_get_string(value);
	if (strlen(text) != (size_t)json_object_get_string_len(value))
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0, "'%s' of the signature has a NUL",
			       key);
	*ret = text;
	return 0;
}

static int get_root_hash(struct json_object *object, struct verity_signature *s, struct err *e)
{
	const char *text = NULL;
	int rc = get_string(object, "rootHash", &text, e), n;

	if (rc < 0)
		return rc;
	n = hex_decode(text, s->root_hash, sizeof(s->root_hash));
	if (n < MIN_HASH_BYTES)
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0,
			       "'rootHash' is not 16 to 64 bytes of hex");
	s->root_hash_bytes = (size_t)n;
	hex_encode(s->root_hash, s->root_hash_bytes, s->root_hash_text);
	/* What is signed is the text, and it is the lower-case one. */
	if (strcmp(text, s->root_hash_text) != 0)
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0, "'rootHash' is not in lower case");
	return 0;
}

static int get_der(struct json_object *object, struct verity_signature *s, struct err *e)
{
	SCOPED(mem_free) uint8_t *der = malloc(SIGNATURE_MAX_DER_BYTES);
	const char *text = NULL;
	int rc = get_string(object, "signature", &text, e), n;

	if (rc < 0)
		return rc;
	if (!der)
		return err_set(e, ERR_MEMORY, 0, "no memory for a signature");
	n = base64_decode(text, der, SIGNATURE_MAX_DER_BYTES);
	if (n <= 0)
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0,
			       "'signature' is not base64 of at most 64 KiB");
	s->der_bytes = (size_t)n;
	s->der = ptr_take(&der);
	return 0;
}

int verity_signature_parse(const uint8_t *p, size_t n, struct verity_signature *ret, struct err *e)
{
	SCOPED(verity_signature_done) struct verity_signature s = { 0 };
	SCOPED(json_drop) struct json_object *object = NULL;
	SCOPED(mem_free) char *text = NULL;
	int rc = copy_text(p, n, &text, e);

	if (rc < 0)
		return rc;
	rc = parse_object(text, &object, e);
	if (rc < 0)
		return rc;
	rc = get_root_hash(object, &s, e);
	if (rc < 0)
		return rc;
	rc = get_der(object, &s, e);
	if (rc < 0)
		return rc;
	*ret = s;
	s = (struct verity_signature){ 0 };
	return 0;
}

void verity_signature_done(struct verity_signature *s)
{
	free(s->der);
	*s = (struct verity_signature){ 0 };
}
