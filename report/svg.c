/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The timeline as a picture: a row for each span, its name on the left, its bar on a common
 * scale, a heading for each lane. */
#include <string.h>

#include "init/core/text.h"
#include "report/record.h"
#include "report/show.h"
#include "report/timeline.h"

enum {
	WIDTH = 960,
	LEFT = 230,  /* of the scale; the names end here */
	RIGHT = 860, /* of the scale; behind it is room for the last duration */
	TOP = 84,
	ROW = 18,
	HEADING = 26,
	MAX_ROWS = 100, /* of one lane; a picture of more is no picture */
	MAX_NAME = 28,  /* characters that fit left of the scale */
};

/* Colours that differ in brightness too. */
static const char *const colours[N_LANES] = {
	[LANE_STAGES] = "#2b6cb0",
	[LANE_WAITS] = "#d69e2e",
	[LANE_MODULES] = "#68a691",
	[LANE_TPM] = "#805ad5",
	[LANE_HOOKS] = "#4a5568",
};

#define FAILED "#c53030"

/* At most max characters, as the content of an element. */
static void escape(FILE *out, const char *text, size_t max)
{
	for (size_t n; *text && max; text += n ? n : 1, max--) {
		n = text_character(text);
		/* U+FFFE and U+FFFF are characters, but none of XML's. */
		if (n == 0 || (n == 3 && (memcmp(text, "\xef\xbf\xbe", 3) == 0 ||
					  memcmp(text, "\xef\xbf\xbf", 3) == 0)))
			putc('?', out);
		else if (strchr("<>&\"'", *text))
			fprintf(out, "&#%d;", *text);
		else
			fwrite(text, 1, n, out);
	}
	if (*text)
		fputs("…", out);
}

static double place(const struct timeline *t, uint64_t us)
{
	double all = (double)(t->end_us - t->start_us);

	return LEFT + (all > 0 ? (double)(us - t->start_us) / all * (RIGHT - LEFT) : 0);
}

/* 1, 2 or 5 times a power of ten, so that there are five to twelve. */
static uint64_t tick_us(const struct timeline *t)
{
	uint64_t step = 1, least = (t->end_us - t->start_us) / 12;

	for (int i = 0; step < least; i++)
		step = i % 3 == 1 ? step / 2 * 5 : step * 2;
	return step;
}

static void draw_scale(FILE *out, const struct timeline *t, int height)
{
	uint64_t step = tick_us(t), at = t->start_us / step * step;

	for (int i = 0; i < 16 && at <= t->end_us; i++, at += step) {
		if (at < t->start_us)
			continue;
		fprintf(out, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#d8dee6\"/>\n",
			place(t, at), TOP - 8, place(t, at), height - 10);
		fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#5a6672\">%.*f</text>\n",
			place(t, at), TOP - 14, step < 1000 ? 3 : 0, (double)at / 1000);
	}
	fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" fill=\"#5a6672\">"
		     "ms since the machine&#39;s start</text>\n", LEFT - 10, TOP - 14);
}

static void draw_span(FILE *out, const struct timeline *t, const struct span *s, int y)
{
	double from = place(t, s->start_us), to = place(t, s->end_us);
	const char *fill = s->failed ? FAILED : colours[s->lane];

	fprintf(out, "<g><title>");
	escape(out, s->name, 200);
	fprintf(out, ": from %.3f ms to %.3f ms%s</title>\n", (double)s->start_us / 1000,
		(double)s->end_us / 1000, s->failed ? ", failed" : "");
	fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" fill=\"%s\">", LEFT - 10, y + 12,
		s->failed ? FAILED : "#1a202c");
	escape(out, s->name, MAX_NAME);
	fprintf(out, "</text>\n<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", from,
		y + 2, to - from > 1 ? to - from : 1, ROW - 4, fill);
	fprintf(out, "<text x=\"%.1f\" y=\"%d\" fill=\"#5a6672\">", to + 5, y + 12);
	if (s->open)
		fputs("going on", out);
	else
		fprintf(out, "%.1f ms%s", (double)(s->end_us - s->start_us) / 1000, s->failed ? ", failed" : "");
	fputs("</text></g>\n", out);
}

/* Draws to out, or with NULL only tells the height. */
static int draw_spans(FILE *out, const struct timeline *t)
{
	size_t rows = 0;
	int y = TOP;

	for (size_t i = 0; i < t->n; i++) {
		const struct span *s = &t->spans[i];
		bool first = i == 0 || s->lane != s[-1].lane;

		rows = first ? 1 : rows + 1;
		if (first && out)
			fprintf(out, "<text x=\"12\" y=\"%d\" font-weight=\"bold\" fill=\"%s\">%s</text>\n",
				y + 17, colours[s->lane], lane_name(s->lane));
		y += first ? HEADING : 0;
		if (rows > MAX_ROWS + 1)
			continue;
		if (out && rows <= MAX_ROWS)
			draw_span(out, t, s, y);
		else if (out)
			fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">and more</text>\n", LEFT - 10,
				y + 12);
		y += ROW;
	}
	return y + 20;
}

static void draw_title(FILE *out, struct json_object *record, const struct timeline *t)
{
	struct json_object *failure = record_object(record, "failure");
	const char *os = record_text(record, "os"), *version = record_text(record, "image_version");
	const char *id = record_text(record, "boot_id");

	fprintf(out, "<text x=\"12\" y=\"26\" font-size=\"16\" font-weight=\"bold\" fill=\"%s\">",
		failure ? FAILED : "#1a202c");
	if (failure) {
		escape(out, record_text(failure, "code") ? record_text(failure, "code") : "failed", 40);
		fputs(" in stage ", out);
		escape(out, record_text(failure, "stage") ? record_text(failure, "stage") : "?", 20);
	} else {
		escape(out, os ? os : "unknown system", 60);
		fputs(version ? " " : "", out);
		escape(out, version ? version : "", 20);
	}
	fprintf(out, ", %.1f ms</text>\n<text x=\"12\" y=\"44\" fill=\"#5a6672\">slipway ",
		(double)(t->end_us - t->start_us) / 1000);
	escape(out, record_text(record, "version") ? record_text(record, "version") : "?", 20);
	fputs(", boot ", out);
	escape(out, id ? id : "?", 36);
	fputs("</text>\n", out);
}

void show_svg(FILE *out, struct json_object *record, const struct timeline *t)
{
	int height = draw_spans(NULL, t);

	fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		     "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"%d\" height=\"%d\" "
		     "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n"
		     "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
		WIDTH, height, WIDTH, height);
	draw_title(out, record, t);
	draw_scale(out, t, height);
	draw_spans(out, t);
	fputs("</svg>\n", out);
}
