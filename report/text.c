/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record in lines: a word in the first column says what each is about. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/text.h"
#include "report/record.h"
#include "report/show.h"
#include "report/timeline.h"

static void plain(FILE *out, const char *text)
{
	SCOPED(mem_free) char *copy = strdup(text ? text : "unknown");

	if (copy)
		text_sanitize(copy);
	fputs(copy ? copy : "?", out);
}

static void head(FILE *out, const char *word)
{
	fprintf(out, "%-11s", word);
}

static void line(FILE *out, const char *word, const char *text)
{
	if (!text)
		return;
	head(out, word);
	plain(out, text);
	putc('\n', out);
}

static void duration(FILE *out, uint64_t us)
{
	if (us < 10000000)
		fprintf(out, "%.1f ms", (double)us / 1000);
	else
		fprintf(out, "%.1f s", (double)us / 1000000);
}

static void show_result(FILE *out, struct json_object *r, const struct timeline *t)
{
	static const char *const members[] = { "what", "where", "means", "next" };
	struct json_object *failure = record_object(r, "failure");
	char word[16];

	head(out, "result");
	plain(out, record_text(r, "result"));
	fputs(" after ", out);
	duration(out, t->end_us - t->start_us);
	fputs(", slipway ", out);
	plain(out, record_text(r, "version"));
	putc('\n', out);
	if (!failure)
		return;
	head(out, "failure");
	plain(out, record_text(failure, "code"));
	fputs(" in stage ", out);
	plain(out, record_text(failure, "stage"));
	putc('\n', out);
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		snprintf(word, sizeof(word), "  %s", members[i]);
		line(out, word, record_text(failure, members[i]));
	}
}

/* "CODE in stage NAME: what" */
static void reason(FILE *out, struct json_object *o)
{
	plain(out, record_text(o, "code"));
	fputs(" in stage ", out);
	plain(out, record_text(o, "stage"));
	fputs(": ", out);
	plain(out, record_text(o, "what"));
	putc('\n', out);
}

/* What a good result hides. */
static void show_trouble(FILE *out, struct json_object *r)
{
	struct json_object *before = record_object(r, "last_failure");

	if (before) {
		head(out, "before");
		reason(out, before);
	}
	for (size_t i = 0; i < record_count(r, "attempts"); i++) {
		struct json_object *a = record_item(r, "attempts", i);

		head(out, "went on");
		plain(out, record_text(a, "attempt"));
		fputs(" after ", out);
		reason(out, a);
	}
}

static void show_machine(FILE *out, struct json_object *r)
{
	struct json_object *firmware = record_object(r, "firmware");

	if (firmware) {
		head(out, "firmware");
		fprintf(out, "%s, Secure Boot %s\n", record_is(firmware, "efi") == 1 ? "UEFI" : "no UEFI",
			record_is(firmware, "secure_boot") == 1 ? "enforced" : "not enforced");
	}
	line(out, "lockdown", record_text(r, "lockdown"));
	line(out, "TPM", record_text(r, "tpm"));
	line(out, "NvPCRs", record_text(r, "nvpcr"));
	for (size_t i = 0; i < record_count(r, "measurements"); i++) {
		struct json_object *m = record_item(r, "measurements", i);
		const char *nvpcr = record_text(m, "nvpcr");

		head(out, "measured");
		if (nvpcr) {
			fputs("NvPCR ", out);
			plain(out, nvpcr);
			fputs(": ", out);
		} else {
			fprintf(out, "PCR %u: ", (unsigned)record_number(m, "pcr"));
		}
		plain(out, record_text(m, "text"));
		putc('\n', out);
	}
}

static void show_extensions(FILE *out, struct json_object *r)
{
	for (size_t i = 0; i < record_count(r, "extensions"); i++) {
		struct json_object *x = record_item(r, "extensions", i);
		const char *code = record_text(x, "code");

		head(out, "extension");
		plain(out, record_text(x, "name"));
		fputs(": ", out);
		plain(out, record_text(x, "verdict"));
		if (code) {
			fputs(" [", out);
			plain(out, code);
			fputs("], ", out);
			plain(out, record_text(x, "why"));
		}
		putc('\n', out);
	}
}

static void show_hooks(FILE *out, struct json_object *r)
{
	for (size_t i = 0; i < record_count(r, "hooks"); i++) {
		struct json_object *h = record_item(r, "hooks", i);
		struct json_object *facts = record_object(h, "facts");
		const char *why = record_text(h, "why");

		head(out, "hook");
		plain(out, record_text(h, "name"));
		fputs(" at ", out);
		plain(out, record_text(h, "point"));
		fputs(": ", out);
		plain(out, record_text(h, "verdict"));
		fputs(why ? ", " : "", out);
		plain(out, why ? why : "");
		putc('\n', out);
		if (!json_object_is_type(facts, json_type_object))
			continue;
		json_object_object_foreach(facts, key, fact) {
			head(out, "  fact");
			plain(out, key);
			fputs(": ", out);
			plain(out, json_object_get_string(fact));
			putc('\n', out);
		}
	}
}

static void show_disk(FILE *out, struct json_object *r)
{
	struct json_object *disk = record_object(r, "disk");

	if (disk) {
		head(out, "disk");
		plain(out, record_text(disk, "name"));
		fputs(", ", out);
		plain(out, record_text(disk, "gpt"));
		fprintf(out, " GPT, %u-byte sectors\n", (unsigned)record_number(disk, "sector_size"));
	}
	for (size_t i = 0; i < record_count(r, "partitions"); i++) {
		struct json_object *p = record_item(r, "partitions", i);
		const char *verdict = record_text(p, "verdict");

		head(out, "  partition");
		fprintf(out, " %2u ", (unsigned)record_number(p, "number"));
		plain(out, record_text(p, "label"));
		fputs(": ", out);
		plain(out, verdict ? verdict : record_text(p, "type"));
		putc('\n', out);
	}
}

static void show_root(FILE *out, struct json_object *r)
{
	struct json_object *root = record_object(r, "root");

	if (root) {
		head(out, "root");
		plain(out, record_text(root, "filesystem"));
		fputs(" on ", out);
		plain(out, record_text(root, "device"));
		fputs(record_text(root, "proven_by") ? ", proven by " : ", encrypted, unlocked by ", out);
		plain(out, record_text(root, "proven_by") ? record_text(root, "proven_by") :
							  record_text(record_object(root, "luks"), "unlocked_by"));
		putc('\n', out);
		line(out, "  roothash", record_text(root, "roothash"));
		line(out, "  signer", record_text(root, "certificate"));
	}
	line(out, "system", record_text(r, "os"));
	line(out, "  version", record_text(r, "image_version"));
	line(out, "  init", record_text(r, "init"));
}

static void show_times(FILE *out, const struct timeline *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct span *s = &t->spans[i];

		if (i == 0 || s->lane != s[-1].lane)
			fprintf(out, "\n%9s %11s  %s\n", "start", "took", lane_name(s->lane));
		fprintf(out, "%9.1f ", (double)s->start_us / 1000);
		if (s->open)
			fprintf(out, "%11s  ", "-");
		else
			fprintf(out, "%8.1f ms  ", (double)(s->end_us - s->start_us) / 1000);
		plain(out, s->name);
		fputs(s->failed ? "  FAILED\n" : "\n", out);
	}
}

void show_text(FILE *out, struct json_object *record, const struct timeline *t)
{
	show_result(out, record, t);
	if (record_is(record, "debug") > 0)
		line(out, "image", "a debug image: after a failure, a key opens a shell");
	show_trouble(out, record);
	line(out, "boot ID", record_text(record, "boot_id"));
	show_machine(out, record);
	show_extensions(out, record);
	show_hooks(out, record);
	show_disk(out, record);
	show_root(out, record);
	for (size_t i = 0; i < record_count(record, "warnings"); i++) {
		struct json_object *warning = record_item(record, "warnings", i);

		line(out, "warning", json_object_is_type(warning, json_type_string) ?
				     json_object_get_string(warning) : NULL);
	}
	show_times(out, t);
}

void show_json(FILE *out, struct json_object *record)
{
	const char *text = json_object_to_json_string_ext(
		record, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);

	/* json-c escapes what is below a blank, and nothing else that a terminal could obey. */
	for (size_t n; text && *text; text += n ? n : 1) {
		n = text_character(text);
		if (n)
			fwrite(text, 1, n, out);
		else
			putc(*text == '\n' ? '\n' : '?', out);
	}
	putc('\n', out);
}
