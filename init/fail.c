/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/fail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "init/core/log.h"
#include "init/core/text.h"
#include "init/debug.h"
#include "init/kept.h"

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

/* The command line overrules the rules of single reasons, too. */
static enum failure_action ruled_of(const struct boot *b, enum err_code code)
{
	enum failure_action ruled = b->config.failure_rules.by_code[code].action;

	if (b->options.failure != FAILURE_UNSET)
		return b->options.failure;
	return ruled != FAILURE_UNSET ? ruled : b->config.failure;
}

/* Nothing overrules the limit. */
static enum failure_action action_of(const struct boot *b, enum err_code code)
{
	return failure_limited(&b->config.failure_limit, ruled_of(b, code), b->kept.n_failed);
}

static unsigned delay_of(const struct boot *b)
{
	int s = b->options.failure_delay_s;

	return s >= 0 ? (unsigned)s : b->config.failure_delay_s;
}

void fail_wait(const struct boot *b)
{
	struct timespec delay = { .tv_sec = delay_of(b) };

	nanosleep(&delay, NULL);
}

/* So that a line fits on a screen of 80, behind the kernel's time stamp and a label. */
enum { TEXT_COLUMNS = 79 - 15 - 9 };

static void say(const char *label, const char *text)
{
	do {
		size_t n = text_line(text, TEXT_COLUMNS);

		log_console(LOG_ERR, "  %-6s %.*s", label, (int)n, text);
		text += n + strspn(text + n, " ");
		label = "";
	} while (*text);
}

/* A key that is held down would tear the lines apart. Nobody is asked any more. */
static void hide_keys(void)
{
	struct termios console;

	if (tcgetattr(STDIN_FILENO, &console) < 0)
		return;
	console.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSANOW, &console);
}

void fail_report(const struct boot *b, const char *stage, const struct err *e, const char *next)
{
	char line[400], limit[64] = "";

	if (!next)
		hide_keys();
	if (action_of(b, e->code) != ruled_of(b, e->code))
		snprintf(limit, sizeof(limit), ", as failure-limit=%u says of boots that fail in a row",
			 b->config.failure_limit.n);
	log_console(LOG_ERR, "slipway: FAILED stage %s  [%s]", stage, err_name(e->code));
	say("what", e->what);
	say("where", e->where);
	say("means", err_meaning(e->code));
	if (!next)
		snprintf(line, sizeof(line), "%s%s in %u s%s; %s",
			 *b->config.debug_key ? "asks for the key of the debug shell, then " : "",
			 actions[action_of(b, e->code)].words, delay_of(b), limit, err_advice(e->code));
	say("next", next ? next : line);
}

/* Also before the firmware stage. */
static bool has_tpm(const struct boot *b)
{
	return b->firmware.tpm_announced || access("/sys/firmware/acpi/tables/TPM2", F_OK) == 0;
}

/* A context in which a command was not answered takes no other one. The TPM has its own banks:
 * what the firmware says of them may be what failed. */
static int open_again(struct boot *b, struct err *e)
{
	bool log_is_incomplete = b->tpm && tpm_log_is_incomplete(b->tpm);
	int rc;

	tpm_close(b->tpm);
	b->tpm = NULL;
	rc = tpm_open(TPM_DEVICE, 0, PHASE_PCR, TPM_LOG, &b->tpm, e);
	if (rc >= 0 && log_is_incomplete)
		tpm_log_was_incomplete(b->tpm);
	return rc;
}

static int measure_cap(struct boot *b, struct err *e)
{
	int rc = b->tpm ? boot_measure(b, CAP_WORD, "slipway-failed", e) : 0;

	if (b->tpm && rc >= 0)
		return 0;
	if (!b->tpm && access(TPM_DEVICE, R_OK | W_OK) < 0)
		return has_tpm(b) ? err_set(e, ERR_TPM_MISSING, errno, "open '%s'", TPM_DEVICE) : 0;
	rc = open_again(b, e);
	if (rc >= 0)
		rc = boot_measure(b, CAP_WORD, "slipway-failed", e);
	/* Those that the firmware left alone were perhaps not closed yet. */
	return rc < 0 ? rc : tpm_close_unused(b->tpm, PHASE_PCR, CAP_WORD, e);
}

/* Also when the boot failed before the tpm stage: what sealed secrets wait for is the
 * state of PCR 11 as it is now. */
void fail_cap(struct boot *b)
{
	struct measurement final;
	struct err e;

	log_set_stage("fail");
	b->capped = measure_cap(b, &e) >= 0;
	if (!b->capped)
		log_warning("PCR %d is not capped: %s", PHASE_PCR, e.what);
	else if (b->tpm && tpm_read(b->tpm, PHASE_PCR, &final, &e) >= 0)
		record_pcr(b->record, &final);
}

void fail(struct boot *b, const char *stage, const struct err *e)
{
	log_set_stage("fail");
	tpm_close(b->tpm);
	b->tpm = NULL;
	kept_write(b, stage, e);
	record_write(b->record, stage, e);
	if (!b->switched)
		debug_shell(b->config.debug_key, b->capped);
	fail_wait(b);
	sync();
	reboot(actions[action_of(b, e->code)].command);
	/* Whatever the kernel refuses, PID 1 must not return. */
	for (;;)
		pause();
}
