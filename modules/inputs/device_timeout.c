/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/device_timeout.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define OPTION "x-systemd.device-timeout="

enum { MAX_NUMBER = 10000000 };

/* Of those of systemd.time(7) that a device may be awaited for. */
static const struct {
	const char *name;
	uint64_t ms;
} units[] = {
	{ "", 1000 }, { "s", 1000 }, { "sec", 1000 }, { "second", 1000 }, { "seconds", 1000 },
	{ "ms", 1 }, { "msec", 1 },
	{ "m", 60000 }, { "min", 60000 }, { "minute", 60000 }, { "minutes", 60000 },
	{ "h", 3600000 }, { "hr", 3600000 }, { "hour", 3600000 }, { "hours", 3600000 },
};

static size_t skip_blanks(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && (p[i] == ' ' || p[i] == '\t'))
		i++;
	return i;
}

/* 0: that is no unit. */
static uint64_t unit_ms(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strlen(units[i].name) == n && memcmp(units[i].name, name, n) == 0)
			return units[i].ms;
	return 0;
}

/* Adds one number with its unit; returns the bytes it takes, or 0 if there is none. */
static size_t take_part(const char *p, size_t n, uint64_t *ms)
{
	uint64_t number = 0, unit;
	size_t i = 0, start;

	for (; i < n && isdigit((unsigned char)p[i]) && number <= MAX_NUMBER; i++)
		number = number * 10 + (uint64_t)(p[i] - '0');
	if (i == 0 || number > MAX_NUMBER)
		return 0;
	start = i + skip_blanks(p + i, n - i);
	for (i = start; i < n && isalpha((unsigned char)p[i]);)
		i++;
	unit = unit_ms(p + start, i - start);
	*ms += number * unit;
	return unit ? i : 0;
}

static bool parse_time(const char *p, size_t n, uint64_t *ret_ms)
{
	uint64_t ms = 0;
	size_t at = skip_blanks(p, n);

	if (n == strlen("infinity") && memcmp(p, "infinity", n) == 0) {
		*ret_ms = 0;
		return true;
	}
	while (at < n) {
		size_t used = take_part(p + at, n - at, &ms);

		if (!used)
			return false;
		at += used;
		at += skip_blanks(p + at, n - at);
	}
	*ret_ms = ms;
	return skip_blanks(p, n) < n;
}

static unsigned bounded(uint64_t ms)
{
	return ms == 0 || ms > 1000 * DEVICE_TIMEOUT_MAX_S ? DEVICE_TIMEOUT_MAX_S : (unsigned)((ms + 999) / 1000);
}

int device_timeout_parse(const char *options, unsigned *ret_s, struct err *e)
{
	int found = 0;

	for (const char *at = options; *at;) {
		size_t n = strcspn(at, ","), key = strlen(OPTION);
		uint64_t ms;

		if (n >= key && memcmp(at, OPTION, key) == 0) {
			if (!parse_time(at + key, n - key, &ms))
				return err_set(e, ERR_CMDLINE, 0, "'%.*s' is no time", (int)(n < 80 ? n : 80), at);
			*ret_s = bounded(ms);
			found = 1;
		}
		at += n + (at[n] == ',');
	}
	return found;
}
