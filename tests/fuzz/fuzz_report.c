/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A record of somebody else, shown in every way. */
#include <stdio.h>

#include "init/core/cleanup.h"
#include "init/core/json.h"
#include "report/record.h"
#include "report/show.h"
#include "report/timeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(json_drop) struct json_object *record = NULL;
	SCOPED(timeline_done) struct timeline t = { 0 };
	SCOPED(file_close) FILE *out = fopen("/dev/null", "we");
	struct err e;

	if (!out || record_parse((const char *)data, size, &record, &e) < 0 ||
	    timeline_read(record, &t, &e) < 0)
		return 0;
	show_text(out, record, &t);
	show_json(out, record);
	show_svg(out, record, &t);
	return 0;
}
