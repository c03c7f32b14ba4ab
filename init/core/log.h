/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* log.h - messages to /dev/kmsg, kept in memory until it can be opened.
 *
 * The one place with mutable globals. Names go in single quotes; never key
 * material, never a raw command line. A warning says what happens next. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum log_level {
	LOG_ERR = 3,
	LOG_WARNING = 4,
	LOG_INFO = 6,
	LOG_DEBUG = 7,
};

/* Starts writing to fd (kmsg, or any file in tests), which the log owns from
 * here on, and writes what was buffered. to_kmsg adds the <N> level prefix. */
void log_open(int fd, bool to_kmsg);

/* Flushes nothing (writes are direct); closes the descriptor. */
void log_close(void);

/* Messages above max are dropped; the default is LOG_INFO. */
void log_set_max(enum log_level max);

/* Names the stage that the following messages belong to; static storage. */
void log_set_stage(const char *stage);

__attribute__((format(printf, 2, 3)))
void log_at(enum log_level level, const char *fmt, ...);

/* For a person who stands there: without the stage, and directly to the console too if the
 * kernel keeps messages of this level off it. Never waits for a console that is held up. */
__attribute__((format(printf, 2, 3)))
void log_console(enum log_level level, const char *fmt, ...);

#define log_err(...) log_at(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/* The warnings so far, oldest first, for the record; NULL past the last one.
 * The first 32 are kept. */
const char *log_warning_at(size_t i);
