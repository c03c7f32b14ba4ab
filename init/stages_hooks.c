/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Vendors' programs between the stages. */
#include "init/stages.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hooks/hooks.h"
#include "init/core/cleanup.h"
#include "init/core/clock.h"
#include "init/core/log.h"

/* Programs that were added to what the stub measured, which is what this PCR is about. */
enum { HOOK_PCR = 13 };

/* Drivers load in the background: what a hook works on may be about to come. */
static int devices_are_there(void *declaration, struct err *e)
{
	const struct declaration *d = declaration;

	(void)e;
	for (size_t i = 0; i < d->n_devices; i++)
		if (access(d->devices[i], F_OK) < 0)
			return 0;
	return 1;
}

/* One that does not come makes the hook fail, when it is looked for again. */
static int await_devices(struct boot *b, const struct hook *h, uint64_t deadline_ms, struct err *e)
{
	struct declaration d = h->declaration;
	uint64_t start_us = now_us();
	char what[96];
	int rc;

	if (!d.n_devices || !b->kernel)
		return 0;
	snprintf(what, sizeof(what), "the devices of hook '%s'", h->name);
	rc = kernel_wait(b->kernel, devices_are_there, &d, what, deadline_ms, e);
	record_wait(b->record, what, start_us, now_us() - start_us, rc >= 0);
	return rc == -ERR_TIMEOUT ? 0 : rc;
}

static int measure(struct boot *b, const struct hook *h, struct err *e)
{
	char word[HOOK_WORD_BYTES];

	if (!b->config.hook_measure)
		return 0;
	hook_word(h->point, h->name, h->program, h->declared, word);
	return boot_measure_into(b, HOOK_PCR, word, "slipway-hook", e);
}

static int run_one(struct boot *b, const struct hook *h, const char *credentials, struct err *e)
{
	struct hook_request request = { .hook = h, .credentials = credentials };
	SCOPED(mem_free) char *view = record_view(b->record, h, &request.view_bytes);
	SCOPED(mem_free) struct hook_result *result = calloc(1, sizeof(*result));
	int rc;

	if (!view || !result)
		return err_set(e, ERR_MEMORY, 0, "no memory for hook '%s'", h->name);
	if (h->script && !b->config.hook_scripts)
		return err_set(e, ERR_HOOK_INVALID, 0,
			       "hook '%s' is a script, and slipway.conf does not allow scripts", h->name);
	request.view = view;
	/* What the TPM takes is not the hook's time; what its devices take is. */
	rc = measure(b, h, e);
	request.deadline_ms = now_ms() + 1000ull * h->declaration.deadline_s;
	if (rc >= 0)
		rc = await_devices(b, h, request.deadline_ms, e);
	if (rc < 0)
		return rc;
	rc = hook_run(&request, result, e);
	record_hook(b->record, h, result);
	if (rc >= 0)
		rc = outputs_note(&b->outputs, h->point, &h->declaration, result->files, e);
	if (h->point != POINT_FAILED && result->verdict == HOOK_CONTINUED)
		log_info("hook '%s' lets the boot go on", h->name);
	else if (result->verdict == HOOK_SKIPPED)
		log_warning("%s, continuing as its declaration says", result->why.what);
	return rc;
}

static bool any_wants_credentials(const struct hooks *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->at[i].declaration.n_credentials)
			return true;
	return false;
}

/* Whoever only watches does not keep the next one from it. */
static int run_list(struct boot *b, const struct hooks *list, const char *credentials, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < list->n; i++) {
		rc = run_one(b, &list->at[i], credentials, e);
		if (rc >= 0 || list->at[i].point != POINT_FAILED)
			continue;
		log_warning("%s, which changes nothing", e->what);
		rc = 0;
	}
	return rc;
}

static int run_all(struct boot *b, enum hook_point point, struct err *e)
{
	SCOPED(mem_free) struct hooks *list = NULL;
	const char *credentials = NULL;
	int rc = hooks_find("", point, &list, e);

	if (rc >= 0 && any_wants_credentials(list))
		rc = boot_lend_credentials(b, &credentials, e);
	if (rc >= 0)
		rc = run_list(b, list, credentials, e);
	credentials_take_back(credentials);
	return rc;
}

static int run_hooks(struct boot *b, enum hook_point point, struct err *e)
{
	int rc;

	if (!hooks_present(point)) {
		record_stage_forget(b->record);
		return 0;
	}
	rc = run_all(b, point, e);
	return rc < 0 ? err_in(e, "point '%s'", hook_point_name(point)) : 0;
}

void hooks_failed(struct boot *b, const char *stage, const struct err *failure)
{
	struct err e;

	if (b->switched || !hooks_present(POINT_FAILED))
		return;
	log_set_stage("hooks");
	record_failure(b->record, stage, failure);
	if (run_all(b, POINT_FAILED, &e) < 0)
		log_warning("%s: nobody else is told of the failure", e.what);
}

/* Where the boot goes back behind them, they run again. */
void undo_discovered(struct boot *b)
{
	outputs_undo(&b->outputs, POINT_DISCOVERED);
}

void undo_proven(struct boot *b)
{
	outputs_undo(&b->outputs, POINT_PROVEN);
}

void undo_checked(struct boot *b)
{
	outputs_undo(&b->outputs, POINT_CHECKED);
}

int hooks_entered(struct boot *b, struct err *e)
{
	return run_hooks(b, POINT_ENTERED, e);
}

int hooks_extended(struct boot *b, struct err *e)
{
	return run_hooks(b, POINT_EXTENDED, e);
}

int hooks_discovered(struct boot *b, struct err *e)
{
	return run_hooks(b, POINT_DISCOVERED, e);
}

int hooks_proven(struct boot *b, struct err *e)
{
	return run_hooks(b, POINT_PROVEN, e);
}

int hooks_checked(struct boot *b, struct err *e)
{
	return run_hooks(b, POINT_CHECKED, e);
}
