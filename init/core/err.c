/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "init/core/text.h"

struct err_text {
	const char *name, *meaning, *advice;
};

static const struct err_text err_texts[ERR_N_CODES] = {
	[ERR_NONE] = { "NONE", "nothing failed", "nothing to do" },
#define ERR(code, meaning, next) [ERR_##code] = { #code, meaning, next },
#include "init/core/err.def"
#undef ERR
};

int err_set(struct err *e, enum err_code code, int errnum, const char *fmt, ...)
{
	va_list ap;
	int n;

	*e = (struct err){ .code = code, .errnum = errnum };
	va_start(ap, fmt);
	n = vsnprintf(e->what, sizeof(e->what), fmt, ap);
	va_end(ap);
	if (errnum && n >= 0 && (size_t)n < sizeof(e->what))
		snprintf(e->what + n, sizeof(e->what) - (size_t)n, ": %s", strerror(errnum));
	text_sanitize(e->what);
	return -(int)code;
}

int err_in(struct err *e, const char *fmt, ...)
{
	size_t used = strlen(e->where);
	va_list ap;

	if (used && used + 4 < sizeof(e->where)) {
		memcpy(e->where + used, " < ", 4);
		used += 3;
	}
	va_start(ap, fmt);
	vsnprintf(e->where + used, sizeof(e->where) - used, fmt, ap);
	va_end(ap);
	text_sanitize(e->where);
	return -(int)e->code;
}

static const struct err_text *text_of(enum err_code code)
{
	return &err_texts[(unsigned)code < ERR_N_CODES ? code : ERR_NONE];
}

const char *err_name(enum err_code code)
{
	return text_of(code)->name;
}

const char *err_meaning(enum err_code code)
{
	return text_of(code)->meaning;
}

const char *err_advice(enum err_code code)
{
	return text_of(code)->advice;
}
