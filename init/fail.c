/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/fail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#include "init/core/file.h"
#include "init/core/log.h"

/* In no signed phase path, so it can stand for none of them. */
#define CAP_WORD "slipway-failed"

static const struct {
	const char *words;
	int command;
} actions[] = {
	[FAILURE_UNSET] = { "reboots", RB_AUTOBOOT },
	[FAILURE_REBOOT] = { "reboots", RB_AUTOBOOT },
	[FAILURE_POWEROFF] = { "powers off", RB_POWER_OFF },
	[FAILURE_HALT] = { "halts", RB_HALT_SYSTEM },
};

static enum failure_action action_of(const struct boot *b)
{
	return b->options.failure != FAILURE_UNSET ? b->options.failure : b->config.failure;
}

static unsigned delay_of(const struct boot *b)
{
	int s = b->options.failure_delay_s;

	return s >= 0 ? (unsigned)s : b->config.failure_delay_s;
}

/* A quiet console hides the kernel log: then the block goes there directly as well. */
static bool console_shows_errors(void)
{
	char text[64];
	int level;

	return file_read_text("/proc/sys/kernel/printk", text, sizeof(text)) > 0 &&
	       sscanf(text, "%d", &level) == 1 && level > LOG_ERR;
}

void fail_report(const struct boot *b, const char *stage, const struct err *e)
{
	char lines[5][640];
	bool direct = !console_shows_errors();

	log_set_stage("fail");
	snprintf(lines[0], sizeof(lines[0]), "FAILED stage %s  [%s]", stage, err_name(e->code));
	snprintf(lines[1], sizeof(lines[1]), "  what   %s", e->what);
	snprintf(lines[2], sizeof(lines[2]), "  where  %s", e->where);
	snprintf(lines[3], sizeof(lines[3]), "  means  %s", err_meaning(e->code));
	snprintf(lines[4], sizeof(lines[4]), "  next   %s in %u s; %s",
		 actions[action_of(b)].words, delay_of(b), err_advice(e->code));
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		log_err("%s", lines[i]);
		if (direct)
			dprintf(STDERR_FILENO, "%s\n", lines[i]);
	}
}

/* Also before the firmware stage. */
static bool has_tpm(const struct boot *b)
{
	return b->firmware.tpm_announced || access("/sys/firmware/acpi/tables/TPM2", F_OK) == 0;
}

static int measure_cap(struct boot *b, struct err *e)
{
	int rc = b->tpm ? boot_measure(b, CAP_WORD, "slipway-failed", e) : 0;

	if (b->tpm && rc >= 0)
		return 0;
	if (!b->tpm && access(TPM_DEVICE, R_OK | W_OK) < 0)
		return has_tpm(b) ? err_set(e, ERR_TPM_MISSING, errno, "open '%s'", TPM_DEVICE) : 0;
	/* A context in which a command was not answered takes no other one. */
	tpm_close(b->tpm);
	b->tpm = NULL;
	rc = tpm_open(TPM_DEVICE, b->firmware.banks, PHASE_PCR, TPM_LOG, &b->tpm, e);
	return rc < 0 ? rc : boot_measure(b, CAP_WORD, "slipway-failed", e);
}

/* Also when the boot failed before the tpm stage: what sealed secrets wait for is the
 * state of PCR 11 as it is now. */
static void cap(struct boot *b)
{
	struct measurement final;
	struct err e;

	if (measure_cap(b, &e) < 0)
		log_warning("PCR %d is not capped: %s", PHASE_PCR, e.what);
	else if (b->tpm && tpm_read(b->tpm, PHASE_PCR, &final, &e) >= 0)
		record_pcr(b->record, &final);
	tpm_close(b->tpm);
	b->tpm = NULL;
}

void fail(struct boot *b, const char *stage, const struct err *e)
{
	struct timespec delay = { .tv_sec = delay_of(b) };

	log_set_stage("fail");
	cap(b);
	record_write(b->record, stage, e);
	nanosleep(&delay, NULL);
	sync();
	reboot(actions[action_of(b)].command);
	/* Whatever the kernel refuses, PID 1 must not return. */
	for (;;)
		pause();
}
