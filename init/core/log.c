/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/text.h"

enum {
	LINE_BYTES = 512,
	EARLY_BYTES = 4096,
	WARNINGS = 32,
};

static struct {
	pthread_mutex_t lock; /* module loading logs from its threads */
	int fd;
	bool to_kmsg;
	enum log_level max;
	const char *stage;
	size_t n_early, n_warnings;
} log_state = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1, .max = LOG_INFO, .stage = "early" };

/* Apart, so that it is no part of the file. */
static struct {
	char early[EARLY_BYTES]; /* whole lines, before there is a descriptor */
	char warnings[WARNINGS][LINE_BYTES / 2];
} kept;

static void write_line(const char *line, size_t n)
{
	ssize_t written;

	do
		written = write(log_state.fd, line, n);
	while (written < 0 && errno == EINTR);
}

/* kmsg takes one record a write, so buffered lines go out one by one. */
static void write_early(void)
{
	const char *line = kept.early, *end = line + log_state.n_early;

	while (line < end) {
		const char *eol = memchr(line, '\n', (size_t)(end - line));
		size_t level = log_state.to_kmsg ? 0 : 3; /* "<N>" */

		write_line(line + level, (size_t)(eol + 1 - line) - level);
		line = eol + 1;
	}
	log_state.n_early = 0;
}

void log_open(int fd, bool to_kmsg)
{
	log_close();
	log_state.fd = fd;
	log_state.to_kmsg = to_kmsg;
	write_early();
}

void log_close(void)
{
	if (log_state.fd >= 0)
		close(log_state.fd);
	log_state.fd = -1;
}

void log_set_max(enum log_level max)
{
	log_state.max = max;
}

void log_set_stage(const char *stage)
{
	log_state.stage = stage;
}

/* Long ones are cut; the last byte of each stays zero. */
static void keep_warning(const char *text)
{
	if (log_state.n_warnings < WARNINGS)
		strncpy(kept.warnings[log_state.n_warnings++], text,
			sizeof(kept.warnings[0]) - 1);
}

/* stage is NULL for a line that stands for itself. */
static void emit(enum log_level level, const char *stage, const char *text)
{
	char line[LINE_BYTES];
	int n = stage ? snprintf(line, sizeof(line), "<%d>slipway[1]: %s: %s\n", level, stage, text) :
			snprintf(line, sizeof(line), "<%d>%s\n", level, text);
	size_t len = n < 0 ? 0 : (size_t)n;

	if (len >= sizeof(line)) {
		len = sizeof(line) - 1;
		line[len - 1] = '\n';
	}
	if (log_state.fd >= 0) {
		size_t skip = log_state.to_kmsg ? 0 : 3;

		write_line(line + skip, len - skip);
	} else if (log_state.n_early + len <= EARLY_BYTES) {
		memcpy(kept.early + log_state.n_early, line, len);
		log_state.n_early += len;
	}
}

void log_at(enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	char text[LINE_BYTES - 64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_sanitize(text);

	pthread_mutex_lock(&log_state.lock);
	if (level == LOG_WARNING)
		keep_warning(text);
	if (level <= log_state.max)
		emit(level, log_state.stage, text);
	pthread_mutex_unlock(&log_state.lock);
	errno = saved;
}

static bool kernel_shows(enum log_level level)
{
	char text[64];
	int shown;

	return level <= log_state.max &&
	       file_read_text("/proc/sys/kernel/printk", text, sizeof(text)) > 0 &&
	       sscanf(text, "%d", &shown) == 1 && (int)level < shown;
}

void log_console(enum log_level level, const char *fmt, ...)
{
	SCOPED(fd_close) int console = -1;
	char text[LINE_BYTES - 64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_sanitize(text);

	pthread_mutex_lock(&log_state.lock);
	if (level <= log_state.max)
		emit(level, NULL, text);
	pthread_mutex_unlock(&log_state.lock);
	if (kernel_shows(level))
		return;
	console = open("/dev/console", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (console >= 0)
		dprintf(console, "%s\n", text);
}

const char *log_warning_at(size_t i)
{
	return i < log_state.n_warnings ? kept.warnings[i] : NULL;
}
