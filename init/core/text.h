/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* text.h - texts of others, made fit to be shown. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Does the text end with the suffix, and begin with anything else? */
bool text_has_suffix(const char *text, const char *suffix);

/* The bytes of the character at text; 0 for one that text_sanitize() would replace, and
 * at the end. */
size_t text_character(const char *text);

/* Replaces by '?' every control character, and every byte that is no part of well-formed
 * UTF-8 (RFC 3629): what a terminal could obey, and what JSON does not allow. */
void text_sanitize(char *text);

/* How many bytes of a text come on a line of so many columns, at least one character: up to a
 * blank if there is one, which the next line does not begin with. */
size_t text_line(const char *text, size_t columns);
