/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* show.h - a record, shown. Everything in it is somebody else's: what a terminal could obey is
 * replaced, what XML would take for its own is escaped. Whether all was written, ferror() says. */
#pragma once

#include <stdio.h>

struct json_object;
struct timeline;

/* For people, in lines. */
void show_text(FILE *out, struct json_object *record, const struct timeline *t);

/* For programs: the record alone, indented. */
void show_json(FILE *out, struct json_object *record);

/* The timeline as a picture: SVG 1.1, without script, style sheet or reference. */
void show_svg(FILE *out, struct json_object *record, const struct timeline *t);
