/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/trust/expired.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "init/core/bytes.h"

/* Of two times the later one has the larger number. */
static int64_t number(int64_t year, int month, int day, int hour, int minute, int second)
{
	return ((((year * 100 + month) * 100 + day) * 100 + hour) * 100 + minute) * 100 + second;
}

bool expired_by(const mbedtls_x509_time *valid_to, int64_t clock_s)
{
	time_t clock = clock_s;
	struct tm t;

	if (!gmtime_r(&clock, &t))
		return false;
	return number(valid_to->year, valid_to->mon, valid_to->day, valid_to->hour, valid_to->min,
		      valid_to->sec) <
	       number((int64_t)t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

int expired_add(struct expired *x, const char *path, const uint8_t *fingerprint,
		const mbedtls_x509_time *valid_to, struct err *e)
{
	struct expired_one *all = reallocarray(x->all, x->n + 1, sizeof(*all)), *one;

	if (!all)
		return err_set(e, ERR_MEMORY, 0, "no memory for certificate '%s'", path);
	x->all = all;
	one = &all[x->n++];
	snprintf(one->path, sizeof(one->path), "%s", path);
	hex_encode(fingerprint, 32, one->fingerprint);
	/* Each at most as long as a certificate can say it. */
	snprintf(one->valid_to, sizeof(one->valid_to), "%04u-%02u-%02u",
		 (unsigned)valid_to->year % 10000, (unsigned)valid_to->mon % 100,
		 (unsigned)valid_to->day % 100);
	return 0;
}

void expired_done(struct expired *x)
{
	free(x->all);
	*x = (struct expired){ 0 };
}
