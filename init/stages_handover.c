/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end: nothing of the initrd stays but what the host needs. */
#include "init/kept.h"
#include "init/stages.h"

#include <stdio.h>
#include <string.h>

#include "init/core/clock.h"
#include "init/core/log.h"
#include "modules/handover/exitrd.h"
#include "modules/handover/handover.h"

#define SYSROOT "/sysroot"

/* ---- leave ---- */

/* A word of the command line may name any program of the proven root, a shell among them:
 * with that one, PCR 11 is at no phase that an image's signatures know. */
static int measure_other_init(struct boot *b, struct err *e)
{
	char word[TPM_MAX_TEXT_BYTES];

	if (b->tree.init_is_systemd || strcmp(b->tree.init, "/sbin/init") == 0)
		return 0;
	snprintf(word, sizeof(word), "slipway-init:%.240s", b->tree.init);
	/* What tpm_measure() would refuse. */
	for (char *c = word; *c; c++)
		if (*c < ' ' || *c > '~' || strchr("\"'\\", *c))
			*c = '?';
	return boot_measure(b, word, "slipway-init", e);
}

static int read_final(struct boot *b, struct err *e)
{
	uint64_t start_us = now_us();
	struct measurement final;
	int rc = tpm_check_starts(b->tpm, e);

	if (rc >= 0)
		rc = tpm_read(b->tpm, PHASE_PCR, &final, e);
	record_tpm_command(b->record, "read PCR 11", start_us);
	if (rc >= 0)
		record_pcr(b->record, &final);
	return rc;
}

int stage_leave(struct boot *b, struct err *e)
{
	/* First: its module lists are mapped from the tree that extensions merged. */
	int rc = end_kernel(b, boot_device_deadline(b), e);

	if (rc >= 0)
		rc = end_extensions(b, e);
	if (rc >= 0)
		rc = handover_dm_device(dps_name(b->set.designator),
					b->unlocked ? luks_dev(b->unlocked) : volume_dev(b->root),
					b->tree.has_dm_rules, e);
	if (rc >= 0 && b->set.wraps_luks)
		rc = handover_dm_device(proven_name(b), volume_dev(b->root), b->tree.has_dm_rules, e);
	if (rc >= 0 && b->unlocked_state)
		rc = handover_dm_device(dps_name(DPS_ROOT), luks_dev(b->unlocked_state),
					b->tree.has_dm_rules, e);
	if (rc >= 0)
		rc = handover_base_tree(SYSROOT, e);
	if (rc >= 0)
		rc = measure_for_host(b, e);
	if (rc >= 0)
		rc = measure_other_init(b, e);
	if (rc >= 0)
		rc = boot_measure(b, "leave-initrd", "phase", e);
	if (rc >= 0 && b->tpm)
		rc = read_final(b, e);
	if (rc >= 0)
		kept_forget(b);
	return rc;
}

/* ---- switch ---- */

/* No boot depends on it: without it the host ends as well, and leaves some devices to the kernel. */
static void leave_exitrd(const struct boot *b)
{
	struct err e;

	if (b->config.exitrd && exitrd_make(&e) < 0)
		log_warning("%s: the host will end without an exitrd", e.what);
}

int stage_switch(struct boot *b, struct err *e)
{
	const char *variables[3];
	const struct handover_exec exec = {
		.init = b->tree.init,
		.is_systemd = b->tree.init_is_systemd,
		.systemd_version = b->tree.systemd_version,
		.argv = b->argv,
		.envp = b->envp,
		.variables = variables,
		.start_realtime_us = b->start_realtime_us,
		.start_monotonic_us = b->start_monotonic_us,
	};
	struct err why;
	int rc;

	b->switched = true;
	keep_root_extensions(b);
	leave_exitrd(b);
	credentials_environment(&b->credentials, variables);
	log_info("handing over to '%s' of '%s'", b->tree.init, b->tree.os);
	tpm_close(b->tpm);
	b->tpm = NULL;
	record_write(b->record, NULL, NULL);
	/* Nobody can undo from here on, so what is merely untidy is only said. */
	rc = handover_switch_root(SYSROOT, e);
	if (rc >= 0 && handover_reset_process(&why) < 0)
		log_warning("%s; the host inherits it", why.what);
	return rc < 0 ? rc : handover_exec(&exec, e);
}
