/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mountinfo.h - paths as /proc/self/mountinfo has them. Pure. */
#pragma once

/* The kernel writes blanks and the like as \ooo; puts the path itself in the place of that. */
void mountinfo_unescape(char *path);
