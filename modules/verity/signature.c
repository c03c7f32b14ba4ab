/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/verity/signature.h"

#include <stdlib.h>
#include <string.h>

#include "init/core/bytes.h"
#include "init/core/cleanup.h"
#include "init/core/json.h"

enum { MIN_HASH_BYTES = 16 };

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

static int parse_object(const char *text, struct json_object **ret, struct err *e)
{
	const char *why;
	struct json_object *object = json_parse_object(text, &why);

	if (!object && !why)
		return err_set(e, ERR_MEMORY, 0, "no memory to parse a signature");
	if (!object)
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0, "signature is no JSON: %s", why);
	*ret = object;
	return 0;
}

static int get_string(struct json_object *object, const char *key, const char **ret, struct err *e)
{
	struct json_object *value = json_object_object_get(object, key);
	const char *text = json_text(value);

	if (!text)
		return err_set(e, ERR_SIGNATURE_MALFORMED, 0,
			       json_object_is_type(value, json_type_string) ? "'%s' of the signature has a NUL"
									     : "signature has no text '%s'",
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
