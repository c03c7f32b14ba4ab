/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* record.h - the record of a boot, as bytes of somebody else. Spec: slipway-boot.json(5). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"

struct json_object;

/* Records of real boots have some ten thousand bytes, and lists of some dozens. */
enum { RECORD_MAX_BYTES = 4 << 20, RECORD_MAX_ITEMS = 4096 };

/* Parses n bytes: one record, or several, as they come over a port, of which the last whole one
 * counts. The caller puts *ret. Errors: ERR_UNSUPPORTED if there is none, or none of a schema
 * that is known here; ERR_MEMORY. */
int record_parse(const char *bytes, size_t n, struct json_object **ret, struct err *e);

/* Members of o, which may be NULL. What is not there, or of another type, is NULL or 0; what is
 * given back belongs to o. */
struct json_object *record_object(struct json_object *o, const char *key);
const char *record_text(struct json_object *o, const char *key);
uint64_t record_number(struct json_object *o, const char *key);
int record_is(struct json_object *o, const char *key); /* 1, 0; -1 if it is not there */

/* The members of the list o[key]: how many are looked at, and the one at i. */
size_t record_count(struct json_object *o, const char *key);
struct json_object *record_item(struct json_object *o, const char *key, size_t i);
