/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/kernel/thread.h"

#include <signal.h>

#include "init/core/clock.h"
#include "init/core/log.h"

/* musl's default of 128 KiB is scarce for libkmod with its path buffers. */
enum { STACK_BYTES = 256 * 1024 };

/* A wait this short is nobody's concern; then a line now and then. */
enum { QUIET_MS = 3000, PROGRESS_MS = 10000 };

int thread_start(pthread_t *ret, void *(*run)(void *), void *arg, const char *what, struct err *e)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int errnum = pthread_attr_init(&attr);

	if (errnum)
		return err_set(e, ERR_SYSTEM, errnum, "start the %s thread", what);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	errnum = pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (!errnum)
		errnum = pthread_create(ret, &attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return errnum ? err_set(e, ERR_SYSTEM, errnum, "start the %s thread", what) : 0;
}

int news_init(struct news *news, struct err *e)
{
	pthread_condattr_t attr;
	int errnum = pthread_condattr_init(&attr);

	if (errnum)
		return err_set(e, ERR_SYSTEM, errnum, "make a condition variable");
	news->count = 0;
	/* Conditions have no CLOCK_BOOTTIME; nothing suspends in an initrd. */
	errnum = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (!errnum)
		errnum = pthread_cond_init(&news->risen, &attr);
	pthread_condattr_destroy(&attr);
	if (errnum)
		return err_set(e, ERR_SYSTEM, errnum, "make a condition variable");
	pthread_mutex_init(&news->lock, NULL);
	return 0;
}

void news_done(struct news *news)
{
	pthread_cond_destroy(&news->risen);
	pthread_mutex_destroy(&news->lock);
}

void news_tell(struct news *news)
{
	pthread_mutex_lock(&news->lock);
	news->count++;
	pthread_cond_broadcast(&news->risen);
	pthread_mutex_unlock(&news->lock);
}

uint64_t news_count(struct news *news)
{
	uint64_t count;

	pthread_mutex_lock(&news->lock);
	count = news->count;
	pthread_mutex_unlock(&news->lock);
	return count;
}

bool news_wait(struct news *news, uint64_t seen, int ms)
{
	uint64_t until_us = clock_us(CLOCK_MONOTONIC) + (uint64_t)ms * 1000u;
	struct timespec until = {
		.tv_sec = (time_t)(until_us / 1000000u),
		.tv_nsec = (long)(until_us % 1000000u) * 1000,
	};
	bool risen;
	int errnum = 0;

	pthread_mutex_lock(&news->lock);
	while (news->count == seen && !errnum)
		errnum = pthread_cond_timedwait(&news->risen, &news->lock, &until);
	risen = news->count != seen;
	pthread_mutex_unlock(&news->lock);
	return risen;
}

/* The clock decides, not silence: a device that keeps sending events ends no wait. */
int news_until(struct news *news, int (*done)(void *arg, struct err *e), void *arg,
	       const char *what, uint64_t deadline_ms, struct err *e)
{
	uint64_t start_ms = now_ms(), progress_ms = start_ms + QUIET_MS, seen = 0;
	bool risen = true;

	for (;;) {
		uint64_t now;
		int rc = 0;

		if (risen) {
			seen = news_count(news);
			rc = done(arg, e);
		}
		if (rc != 0)
			return rc;
		now = now_ms();
		if (now >= deadline_ms)
			return err_set(e, ERR_TIMEOUT, 0, "waited %llu s for %s in vain",
				       (unsigned long long)(now - start_ms) / 1000, what);
		if (now >= progress_ms) {
			log_console(LOG_INFO, "slipway: waiting for %s, %d s left", what,
				    (ms_until(deadline_ms) + 999) / 1000);
			progress_ms = now + PROGRESS_MS;
		}
		risen = news_wait(news, seen, ms_until(deadline_ms < progress_ms ? deadline_ms : progress_ms));
	}
}
