/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/report.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "init/core/text.h"

enum { OBJECT_BYTES = 256, TEXT_BYTES = 1024 };

static const char *const words[] = { "ok", "note", "skip", "FAIL" };

void report_begin(struct report *r, bool json)
{
	*r = (struct report){ .json = json };
	if (json)
		fputs("[", stdout);
}

static void print_json(const struct report *r, enum verdict v, const char *object, const char *text)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "verdict", json_object_new_string(words[v]));
	json_object_object_add(o, "object", json_object_new_string(object));
	json_object_object_add(o, "text", json_object_new_string(text));
	printf("%s\n %s", r->n ? "," : "", json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static void print(struct report *r, enum verdict v, const char *object, char *text)
{
	char name[OBJECT_BYTES];

	snprintf(name, sizeof(name), "%s", object);
	text_sanitize(name);
	text_sanitize(text);
	if (r->beside && v == VERDICT_FAIL) {
		r->n_beside++;
		v = VERDICT_NOTE;
	}
	if (r->json)
		print_json(r, v, name, text);
	else
		printf("%-4s  %s: %s\n", words[v], name, text);
	r->n++;
	r->n_failed += v == VERDICT_FAIL;
}

void report_add(struct report *r, enum verdict v, const char *object, const char *fmt, ...)
{
	char text[TEXT_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print(r, v, object, text);
}

/* The advice of these is for somebody at a machine that boots. */
static const char *way_out(const struct err *e)
{
	switch (e->code) {
	case ERR_SYSTEM:
	case ERR_MEMORY:
	case ERR_UNSUPPORTED:
		return "";
	default:
		return err_advice(e->code);
	}
}

void report_error(struct report *r, const char *object, const struct err *e)
{
	const char *advice = way_out(e);

	report_add(r, VERDICT_FAIL, object, "%s%s%s%s (%s)%s%s", e->what, *e->where ? " [" : "", e->where,
		   *e->where ? "]" : "", err_name(e->code), *advice ? "; " : "", advice);
}

int report_end(struct report *r)
{
	if (r->json)
		fputs("\n]\n", stdout);
	return fflush(stdout) == 0 ? 0 : -1;
}
