/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* thread.h - threads for PID 1, and the one thing they wait for: news. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "init/core/err.h"

/* Starts run(arg) with all signals blocked: they are the main thread's. what
 * names the thread in the error. Errors: ERR_SYSTEM. */
int thread_start(pthread_t *ret, void *(*run)(void *), void *arg, const char *what, struct err *e);

/* A counter that rises with every event. Who looks at something, and then waits
 * for the counter to leave the value it had before the look, misses nothing. */
struct news {
	pthread_mutex_t lock;
	pthread_cond_t risen;
	uint64_t count;
};

/* Errors: ERR_SYSTEM. */
int news_init(struct news *news, struct err *e);
void news_done(struct news *news);

void news_tell(struct news *news);
uint64_t news_count(struct news *news);

/* Waits until the count is not seen any more, at most ms milliseconds. False if
 * the time passed. */
bool news_wait(struct news *news, uint64_t seen, int ms);

/* Calls done(arg, e) now and after all news, never for the time alone, until it returns non-zero
 * (which is returned; negative with *e filled). After 3 s and then every 10 s a line on the
 * console says "waiting for WHAT, N s left". Errors: ERR_TIMEOUT once the deadline has passed. */
int news_until(struct news *news, int (*done)(void *arg, struct err *e), void *arg,
	       const char *what, uint64_t deadline_ms, struct err *e);
