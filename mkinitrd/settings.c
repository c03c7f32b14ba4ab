/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/settings.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mkinitrd/option.h"

/* Room for two paths and what joins them. */
enum { LINE_BYTES = 8192 + 64 };

static void setting_done(struct setting *s)
{
	free(s->value);
	free(s->origin);
}

void settings_done(struct settings *s)
{
	for (size_t i = 0; i < s->n; i++)
		setting_done(&s->v[i]);
	free(s->v);
	*s = (struct settings){ 0 };
}

static void forget(struct settings *s, const struct option_row *row)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].row == row)
			setting_done(&s->v[i]);
		else
			s->v[kept++] = s->v[i];
	s->n = kept;
}

int settings_add(struct settings *s, const struct option_row *row, const char *value,
		 const char *origin, struct err *e)
{
	const char *counts = *value || !row->standard ? value : row->standard;
	struct setting new = { row, strdup(counts), strdup(origin) };
	struct setting *grown = NULL;

	if (!(row->flags & OPTION_LIST) || !*value)
		forget(s, row);
	if (new.value && new.origin)
		grown = realloc(s->v, (s->n + 1) * sizeof(*grown));
	if (!grown) {
		setting_done(&new);
		return err_set(e, ERR_MEMORY, 0, "no memory for '%.100s'", value);
	}
	s->v = grown;
	s->v[s->n++] = new;
	return 0;
}

const struct setting *settings_find(const struct settings *s, const char *name)
{
	for (size_t i = s->n; i > 0; i--)
		if (strcmp(s->v[i - 1].row->name, name) == 0)
			return &s->v[i - 1];
	return NULL;
}

static int add_line(struct settings *s, const char *origin, char *line, struct err *e)
{
	const struct option_row *row;
	char *value, *end;

	line += strspn(line, " \t");
	end = line + strlen(line);
	while (end > line && strchr(" \t\r", end[-1]))
		*--end = '\0';
	if (!*line || *line == '#')
		return 0;
	value = strchr(line, '=');
	if (!value)
		return err_set(e, ERR_CONFIG, 0, "%.160s: '%.60s' is no key=value", origin, line);
	*value++ = '\0';
	row = option_find(line);
	if (!row)
		return err_set(e, ERR_CONFIG, 0,
			       "%.160s: '%.40s' is no key; slipway-mkinitrd.conf(5) has them",
			       origin, line);
	if (row->flags & OPTION_RUN)
		return err_set(e, ERR_CONFIG, 0,
			       "%.160s: '%.40s' belongs on the command line, as --%.40s", origin,
			       line, line);
	return settings_add(s, row, value, origin, e);
}

int settings_add_text(struct settings *s, const char *name, const char *text, size_t n,
		      struct err *e)
{
	const char *p = text, *end = text + n;

	for (unsigned number = 1; p < end; number++) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((eol ? eol : end) - p);
		char line[LINE_BYTES], origin[4096 + 16];
		int rc;

		snprintf(origin, sizeof(origin), "%.4095s:%u", name, number);
		if (len >= sizeof(line) || memchr(p, '\0', len))
			return err_set(e, ERR_CONFIG, 0,
				       "%.160s: no text line of at most %zu bytes", origin,
				       sizeof(line) - 1);
		memcpy(line, p, len);
		line[len] = '\0';
		rc = add_line(s, origin, line, e);
		if (rc < 0)
			return rc;
		p += len + (eol != NULL);
	}
	return 0;
}

static void print_row(const struct settings *s, const struct option_row *row)
{
	bool any = false;

	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].row == row) {
			printf("%s=%s\t%s\n", row->name, s->v[i].value, s->v[i].origin);
			any = true;
		}
	if (!any)
		printf("%s=\tdefault\n", row->name);
}

void settings_print(const struct settings *s)
{
	for (const struct option_row *row = option_rows; row->name; row++)
		if (!(row->flags & OPTION_RUN))
			print_row(s, row);
}
