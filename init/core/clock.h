/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clock.h - deadlines are absolute CLOCK_BOOTTIME milliseconds. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static inline uint64_t now_us(void)
{
	return clock_us(CLOCK_BOOTTIME);
}

static inline uint64_t now_ms(void)
{
	return now_us() / 1000u;
}

/* Milliseconds left, for poll(2): 0 once the deadline has passed. */
static inline int ms_until(uint64_t deadline_ms)
{
	uint64_t now = now_ms();

	if (deadline_ms <= now)
		return 0;
	return deadline_ms - now > 3600000u ? 3600000 : (int)(deadline_ms - now);
}
