/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/progress.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "init/core/text.h"

enum { SILENT_S = 1 };

struct progress {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	char step[200];
	bool late; /* the silent second is over */
	bool over;
};

static void say(const struct progress *p)
{
	fprintf(stderr, "slipway-mkinitrd: %s...\n", p->step);
}

/* A step that began in the silent second and goes on after it is named then. */
static void *watch(void *arg)
{
	struct progress *p = arg;
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += SILENT_S;
	pthread_mutex_lock(&p->lock);
	while (!p->over && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&p->ended, &p->lock, &until);
	p->late = true;
	if (!p->over && p->step[0])
		say(p);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void release(struct progress *p)
{
	pthread_cond_destroy(&p->ended);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

struct progress *progress_begin(void)
{
	struct progress *p = isatty(STDERR_FILENO) ? calloc(1, sizeof(*p)) : NULL;
	pthread_condattr_t clock;

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&p->ended, &clock);
	pthread_condattr_destroy(&clock);
	if (pthread_create(&p->thread, NULL, watch, p) == 0)
		return p;
	release(p);
	return NULL;
}

void progress_end(struct progress **p)
{
	if (!*p)
		return;
	pthread_mutex_lock(&(*p)->lock);
	(*p)->over = true;
	pthread_cond_signal(&(*p)->ended);
	pthread_mutex_unlock(&(*p)->lock);
	pthread_join((*p)->thread, NULL);
	release(*p);
	*p = NULL;
}

void progress_step(struct progress *p, const char *format, ...)
{
	va_list words;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	va_start(words, format);
	vsnprintf(p->step, sizeof(p->step), format, words);
	va_end(words);
	text_sanitize(p->step);
	if (p->late)
		say(p);
	pthread_mutex_unlock(&p->lock);
}
