/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "report/record.h"

static const struct {
	const char *list, *key, *name;
} lanes[N_LANES] = {
	[LANE_STAGES] = { "stages", "name", "stages" },
	[LANE_WAITS] = { "waits", "what", "waiting for devices" },
	[LANE_MODULES] = { "modules", "name", "kernel modules" },
	[LANE_TPM] = { "measurements", "text", "TPM commands" },
	[LANE_HOOKS] = { "hooks", "name", "hooks" },
};

const char *lane_name(enum lane lane)
{
	return lanes[lane].name;
}

/* Of the stages the last one: rows may have the same name, and may have been passed before. */
static bool has_failed(struct json_object *record, enum lane lane, struct json_object *item,
		       bool last)
{
	const char *stage = record_text(record_object(record, "failure"), "stage");
	const char *name = record_text(item, lanes[lane].key);

	return (lane == LANE_STAGES && last && stage && name && strcmp(stage, name) == 0) ||
	       (lane == LANE_WAITS && record_is(item, "came") == 0) ||
	       (lane == LANE_MODULES && record_number(item, "errno") > 0) ||
	       (lane == LANE_HOOKS && record_text(item, "code"));
}

static struct span read_span(struct json_object *record, enum lane lane, struct json_object *item,
			     bool last)
{
	const char *name = record_text(item, lanes[lane].key);
	uint64_t start_us = record_number(item, "start_us");

	return (struct span){
		.lane = lane,
		.name = name ? name : "",
		.start_us = start_us,
		/* Both are below 2^63. */
		.end_us = start_us + record_number(item, "duration_us"),
		.open = !record_object(item, "duration_us"),
		.failed = has_failed(record, lane, item, last),
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

	for (enum lane lane = 0; lane < N_LANES; lane++)
		max += record_count(record, lanes[lane].list);
	t.spans = calloc(max + 1, sizeof(*t.spans));
	if (!t.spans)
		return err_set(e, ERR_MEMORY, 0, "a timeline");
	for (enum lane lane = 0; lane < N_LANES; lane++) {
		size_t n = record_count(record, lanes[lane].list);

		for (size_t i = 0; i < n; i++) {
			struct json_object *item = record_item(record, lanes[lane].list, i);

			/* Older records do not time everything. */
			if (record_object(item, "start_us"))
				t.spans[t.n++] = read_span(record, lane, item, i + 1 == n);
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
