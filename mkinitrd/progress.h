/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* progress.h - tells a person at a terminal what takes so long. */
#pragma once

struct progress;

/* NULL unless standard error is a terminal; all functions take that. The caller calls
 * progress_end(), after which nothing is said any more. */
struct progress *progress_begin(void);
void progress_end(struct progress **p);

/* Names what is done now; text is copied. For the first second nothing is printed. */
__attribute__((format(printf, 2, 3)))
void progress_step(struct progress *p, const char *format, ...);
