/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "report/record.h"

/* The lists of a record that say when something was, and the member with its name. */
static const struct list {
	enum lane lane;
	const char *name, *key;
} lists[] = {
	{ LANE_STAGES, "stages", "name" },     { LANE_WAITS, "waits", "what" },
	{ LANE_MODULES, "modules", "name" },   { LANE_TPM, "measurements", "text" },
	{ LANE_TPM, "tpm_commands", "what" },  { LANE_HOOKS, "hooks", "name" },
};

enum { N_LISTS = sizeof(lists) / sizeof(*lists) };

const char *lane_name(enum lane lane)
{
	static const char *const names[N_LANES] = {
		[LANE_STAGES] = "stages",          [LANE_WAITS] = "waiting for devices",
		[LANE_MODULES] = "kernel modules", [LANE_TPM] = "TPM commands",
		[LANE_HOOKS] = "hooks",
	};

	return names[lane];
}

/* Of the stages the last one: rows may have the same name, and may have been passed before. */
static bool has_failed(struct json_object *record, const struct list *list, struct json_object *item,
		       bool last)
{
	const char *stage = record_text(record_object(record, "failure"), "stage");
	const char *name = record_text(item, list->key);
	const enum lane lane = list->lane;

	return (lane == LANE_STAGES && last && stage && name && strcmp(stage, name) == 0) ||
	       (lane == LANE_WAITS && record_is(item, "came") == 0) ||
	       (lane == LANE_MODULES && record_number(item, "errno") > 0) ||
	       (lane == LANE_HOOKS && record_text(item, "code"));
}

static struct span read_span(struct json_object *record, const struct list *list,
			     struct json_object *item, bool last)
{
	const char *name = record_text(item, list->key);
	uint64_t start_us = record_number(item, "start_us");

	return (struct span){
		.lane = list->lane,
		.name = name ? name : "",
		.start_us = start_us,
		/* Both are below 2^63. */
		.end_us = start_us + record_number(item, "duration_us"),
		.open = !record_object(item, "duration_us"),
		.failed = has_failed(record, list, item, last),
	};
}

static int by_lane_and_start(const void *pa, const void *pb)
{
	const struct span *a = pa, *b = pb;

	if (a->lane != b->lane)
		return a->lane < b->lane ? -1 : 1;
	return a->start_us < b->start_us ? -1 : a->start_us > b->start_us;
}

static void find_ends(struct timeline *t)
{
	if (t->n)
		t->start_us = UINT64_MAX;
	for (size_t i = 0; i < t->n; i++) {
		t->start_us = t->spans[i].start_us < t->start_us ? t->spans[i].start_us : t->start_us;
		t->end_us = t->spans[i].end_us > t->end_us ? t->spans[i].end_us : t->end_us;
	}
	for (size_t i = 0; i < t->n; i++)
		if (t->spans[i].open)
			t->spans[i].end_us = t->end_us;
}

int timeline_read(struct json_object *record, struct timeline *ret, struct err *e)
{
	struct timeline t = { 0 };
	size_t max = 0;

	for (size_t l = 0; l < N_LISTS; l++)
		max += record_count(record, lists[l].name);
	t.spans = calloc(max + 1, sizeof(*t.spans));
	if (!t.spans)
		return err_set(e, ERR_MEMORY, 0, "a timeline");
	for (const struct list *l = lists; l < lists + N_LISTS; l++) {
		size_t n = record_count(record, l->name);

		for (size_t i = 0; i < n; i++) {
			struct json_object *item = record_item(record, l->name, i);

			/* Older records do not time everything. */
			if (record_object(item, "start_us"))
				t.spans[t.n++] = read_span(record, l, item, i + 1 == n);
		}
	}
	qsort(t.spans, t.n, sizeof(*t.spans), by_lane_and_start);
	find_ends(&t);
	*ret = t;
	return 0;
}

void timeline_done(struct timeline *t)
{
	free(t->spans);
}
