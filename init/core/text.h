/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* text.h - texts of others, made fit to be shown. */
#pragma once

/* Replaces by '?' every control character, and every byte that is no part of well-formed
 * UTF-8 (RFC 3629): what a terminal could obey, and what JSON does not allow. */
void text_sanitize(char *text);
