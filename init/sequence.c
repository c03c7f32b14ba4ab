/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/sequence.h"

#include "init/attempt.h"
#include "init/core/clock.h"
#include "init/core/log.h"
#include "init/stages.h"

/* The boot. Each row says why it stands where it stands. */
static const struct stage sequence[] = {
	/* First: every later decision may depend on a word or a setting. */
	{ "inputs", stage_inputs, NULL },
	/* Drivers load in the background from here on, beside all that follows. */
	{ "kernel", stage_kernel, undo_kernel },
	/* Before anything is missed for want of a file: it would look like another fault. */
	{ "initrd", stage_initrd, NULL },
	/* After the kernel: the EFI variables' file system may be a module. */
	{ "firmware", stage_firmware, NULL },
	/* Before anything that must be measured: a late TPM is awaited, never skipped. */
	{ "tpm", stage_tpm, NULL },
	/* Before anything vendor-supplied is parsed: what follows runs in a measured phase. */
	{ "enter", stage_enter, NULL },
	/* Vendors' programs, never earlier: what they do belongs to a measured phase. */
	{ "hooks", hooks_entered, NULL },
	/* Before anything is merged: an extension must not bring its own judges. */
	{ "trust", stage_trust, undo_trust },
	/* Before the disk is awaited: its driver may come in an extension. */
	{ "extend", stage_extend, undo_extend },
	/* Those that an extension brought, or that need its drivers. */
	{ "hooks", hooks_extended, NULL },
	/* Exactly one disk; on every other one nothing is read but the partition table. */
	{ "discover", stage_discover, undo_discover },
	/* The disk is known, and nothing of it is proven. */
	{ "hooks", hooks_discovered, undo_discovered },
	/* Data, hash and signature are matched before any of them is trusted. */
	{ "choose", stage_choose, undo_choose },
	/* The only place where a proven volume is made; mounting takes nothing else. */
	{ "prove", stage_prove, undo_prove },
	/* Before a file system driver looks at the root. */
	{ "hooks", hooks_proven, undo_proven },
	/* After the proof: no file system driver sees a byte that is not proven. */
	{ "assemble", stage_assemble, undo_assemble },
	/* Those that the root brings for itself, and those for it on the ESP, which its os-release must
	 * fit: what is checked is what the host will see. */
	{ "extend-root", stage_extend_root, undo_extend_root },
	/* All checks of the new root, while everything can still be undone. */
	{ "check", stage_check, NULL },
	/* The last ones that may refuse: the whole new root is in sight. */
	{ "hooks", hooks_checked, undo_checked },
	/* The last measurement closes the phase: afterwards nothing is mounted or unlocked. */
	{ "leave", stage_leave, NULL },
	/* No undo past here. */
	{ "switch", stage_switch, NULL },
};

enum { N_STAGES = sizeof(sequence) / sizeof(*sequence) };

static int run_stage(const struct stage *s, struct boot *b, struct err *e)
{
	uint64_t start_us = now_us();
	int rc;

	log_set_stage(s->name);
	record_stage_begin(b->record, s->name, start_us);
	rc = s->run(b, e);
	if (rc < 0)
		err_in(e, "stage %s", s->name);
	record_stage_end(b->record, now_us() - start_us);
	return rc;
}

static const struct stage *row_of(int (*run)(struct boot *b, struct err *e))
{
	const struct stage *s = sequence;

	while (s->run != run)
		s++;
	return s;
}

static void undo(struct boot *b, const struct stage *from, const struct stage *to)
{
	log_set_stage("undo");
	for (const struct stage *s = to + 1; s-- > from;)
		if (s->undo)
			s->undo(b);
}

/* Where the boot goes on, or NULL. Only the disk and what is on it can be looked at again:
 * rows before it have measured, and from leave on nothing is undone. It goes on at a row that
 * was passed, never behind the one that failed. */
static const struct stage *again(struct boot *b, const struct stage *failed, const struct err *e)
{
	static int (*const rows[])(struct boot *b, struct err *e) = {
		[ATTEMPT_RETRY] = stage_discover, [ATTEMPT_NEXT_SLOT] = stage_choose,
	};
	const struct stage *s;
	enum failure_attempt granted;

	if (failed < row_of(stage_discover) || failed >= row_of(stage_leave))
		return NULL;
	granted = attempt(b, failed->name, failed >= row_of(stage_choose), e);
	if (granted == ATTEMPT_NONE)
		return NULL;
	s = row_of(rows[granted]);
	undo(b, s, failed);
	return s;
}

const struct stage *sequence_run(struct boot *b, struct err *e)
{
	const struct stage *s = sequence, *last = &sequence[N_STAGES - 1];

	/* The last one does not return unless it failed. */
	for (;;) {
		int rc = run_stage(s, b, e);
		const struct stage *next = rc < 0 ? again(b, s, e) : s < last ? s + 1 : NULL;

		if (!next)
			return s;
		s = next;
	}
}

void sequence_undo(struct boot *b, const struct stage *failed)
{
	undo(b, sequence, failed);
}
