/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* memmem */
#include "mkinitrd/stub_cmdline.h"

#include <string.h>

#include "init/core/cleanup.h"

static bool is_blank(uint8_t c)
{
	return c <= ' ';
}

int stub_cmdline_join(struct buffer *cmdline, struct bytes text, const char *whose, struct err *e)
{
	size_t n = text.n ? strnlen((const char *)text.p, text.n) : 0;
	const uint8_t *p = text.p;
	int rc = 0;

	for (; n && is_blank(p[n - 1]); n--)
		;
	for (; n && is_blank(*p); n--)
		p++;
	if (n && cmdline->n)
		rc = buffer_append(cmdline, " ", 1, e);
	for (size_t i = 0; i < n && rc == 0; i++) {
		char c = (char)(is_blank(p[i]) ? ' ' : p[i]);

		if (p[i] >= 0x7f)
			return err_set(e, ERR_UNSUPPORTED, 0,
				       "the command line of %s is not plain ASCII", whose);
		rc = buffer_append(cmdline, &c, 1, e);
	}
	return rc;
}

bool stub_cmdline_has_console(const struct buffer *cmdline)
{
	static const char word[] = " console=";
	const size_t n = strlen(word);

	return (cmdline->n >= n - 1 && memcmp(cmdline->p, word + 1, n - 1) == 0) ||
	       (cmdline->n >= n && memmem(cmdline->p, cmdline->n, word, n));
}

int stub_cmdline_measure(struct pcr *pcr, const struct buffer *cmdline, struct err *e)
{
	SCOPED(buffer_done) struct buffer wide = { 0 };
	int rc = 0;

	for (size_t i = 0; i <= cmdline->n && rc == 0; i++) {
		const char unit[2] = { i < cmdline->n ? cmdline->p[i] : '\0', '\0' };

		rc = buffer_append(&wide, unit, sizeof(unit), e);
	}
	return rc < 0 ? rc : pcr_extend(pcr, &(struct bytes){ (const uint8_t *)wide.p, wide.n }, 1, e);
}
