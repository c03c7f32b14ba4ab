/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* quote.h - names in the output, of which others chose the bytes. */
#pragma once

#include <stdio.h>

/* Prints text so that it stays on its line and could be restored: a newline as \n, a tab as
 * \t, a backslash as \\, and what is no printable UTF-8 as \xNN, a byte each. */
void quote(FILE *f, const char *text);
