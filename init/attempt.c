/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/attempt.h"

#include <stdio.h>

#include "init/fail.h"
#include "init/stages.h"

enum { MAX_RETRIES = 3 };

static const struct partition *choice(const struct boot *b)
{
	const struct dps_wish wish = root_wish(b);
	const struct partition *chosen;
	struct dps_verdicts verdicts;
	struct err e;

	return dps_choose(&b->disk.gpt, boot_designator(b), &wish, &verdicts, &chosen, &e) < 0 ? NULL : chosen;
}

/* A root hash on the command line leaves no choice. */
static const struct partition *next_slot(struct boot *b, const struct partition **ret_failed)
{
	const struct partition *failed = b->options.root_hash_bytes ? NULL : choice(b);

	if (!failed || b->n_failed_slots == BOOT_MAX_SLOTS)
		return NULL;
	b->failed_slots[b->n_failed_slots++] = failed->uuid;
	b->disk.gpt.partitions[failed - b->disk.gpt.partitions].failed = true;
	*ret_failed = failed;
	return choice(b);
}

static void note(const struct boot *b, const char *what, const char *stage, const struct err *e,
		 const char *label)
{
	record_attempt(b->record, what, stage, e, label);
	record_forget_root(b->record, b->extensions ? extensions_count(b->extensions) : 0);
}

enum failure_attempt attempt(struct boot *b, const char *stage, bool chosen, const struct err *e)
{
	enum failure_attempt granted = b->config.failure_rules.by_code[e->code].attempt;
	const struct partition *failed = NULL, *next;
	char text[300];

	if (granted == ATTEMPT_RETRY && b->n_retries < MAX_RETRIES) {
		snprintf(text, sizeof(text), "looks for the disk again, retry %u of %d", ++b->n_retries,
			 MAX_RETRIES);
		fail_report(b, stage, e, text);
		note(b, "retry", stage, e, NULL);
		fail_wait(b);
		return granted;
	}
	if (granted != ATTEMPT_NEXT_SLOT || !chosen || !(next = next_slot(b, &failed)))
		return ATTEMPT_NONE;
	snprintf(text, sizeof(text), "tries partition %u '%s' in the place of %u '%s'", next->number,
		 next->label, failed->number, failed->label);
	fail_report(b, stage, e, text);
	note(b, "next-slot", stage, e, failed->label);
	return granted;
}
