/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine: its inputs, kernel, firmware and TPM. */
#include "init/kept.h"
#include "init/stages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/clock.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "init/debug.h"
#include "modules/inputs/extra.h"
#include "modules/inputs/manifest.h"
#include "modules/inputs/unpacked.h"
#include "modules/tpm/srk.h"

#define CONFIG "/etc/slipway.conf"

static uint64_t timeout_ms(const struct boot *b)
{
	return 1000ull * (b->options.timeout_s ? b->options.timeout_s : b->config.timeout_s);
}

uint64_t boot_device_deadline(const struct boot *b)
{
	return now_ms() + timeout_ms(b);
}

static int wait_for_ms(struct boot *b, uint64_t ms, int (*done)(void *arg, struct err *e), void *arg,
		       const char *what, struct err *e)
{
	uint64_t start_us = now_us();
	int rc = kernel_wait(b->kernel, done, arg, what, now_ms() + ms, e);

	record_wait(b->record, what, start_us, now_us() - start_us, rc >= 0);
	return rc;
}

int boot_wait(struct boot *b, int (*done)(void *arg, struct err *e), void *arg, const char *what,
	      struct err *e)
{
	return wait_for_ms(b, timeout_ms(b), done, arg, what, e);
}

int boot_wait_for_disk(struct boot *b, int (*done)(void *arg, struct err *e), void *arg,
		       const char *what, struct err *e)
{
	unsigned s = b->options.disk_timeout_s;

	return wait_for_ms(b, s ? 1000ull * s : timeout_ms(b), done, arg, what, e);
}

int boot_measure_into(struct boot *b, unsigned pcr, const char *word, const char *event_type,
		      struct err *e)
{
	struct measurement m;
	int rc;

	if (!b->tpm)
		return 0;
	rc = tpm_measure(b->tpm, pcr, word, event_type, &m, e);
	if (rc >= 0) {
		log_info("measured '%s' into PCR %u", word, pcr);
		record_measurement(b->record, &m);
	}
	return rc;
}

int boot_measure(struct boot *b, const char *word, const char *event_type, struct err *e)
{
	return boot_measure_into(b, PHASE_PCR, word, event_type, e);
}

/* ---- inputs ---- */

static int read_words(struct cmdline *ret, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	size_t n;
	int rc = file_read(AT_FDCWD, "/proc/cmdline", CMDLINE_MAX_BYTES, &text, &n, e);

	return rc < 0 ? rc : cmdline_parse(text, n, ret, e);
}

static int read_options(struct options *ret, struct err *e)
{
	SCOPED(cmdline_done) struct cmdline words = { 0 };
	int rc = read_words(&words, e);

	if (rc >= 0)
		rc = options_parse(&words, ret, e);
	return rc;
}

static int read_config(struct config *ret, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	size_t n = 0;
	int rc = file_read(AT_FDCWD, CONFIG, CONFIG_MAX_BYTES, &text, &n, e);

	if (rc < 0 && e->errnum != ENOENT)
		return rc;
	return config_parse(text ? text : "", n, ret, e);
}

int stage_inputs(struct boot *b, struct err *e)
{
	/* The configuration first: it says what to do if the command line is bad. */
	int rc = read_config(&b->config, e);

	if (rc >= 0)
		debug_announce(b->config.debug_key);
	if (rc >= 0 && *b->config.debug_key)
		record_debug(b->record);
	if (rc >= 0)
		rc = read_options(&b->options, e);
	if (rc >= 0)
		log_set_max(b->options.log_level);
	return rc;
}

/* ---- initrd ---- */

int stage_initrd(struct boot *b, struct err *e)
{
	SCOPED(fd_close) int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SCOPED(mem_free) char *text = NULL;
	size_t n, n_entries = 0;
	int rc = file_read(AT_FDCWD, MANIFEST_PATH, MANIFEST_MAX_BYTES, &text, &n, e);

	if (rc < 0 && e->errnum == ENOENT) {
		log_debug("no '%s': nobody says what the initrd was built with", MANIFEST_PATH);
		record_initrd(b->record, false, 0, b->config.hook_scripts);
		return 0;
	}
	if (rc >= 0)
		rc = unpacked_check(root, text, n, &n_entries, e);
	if (rc >= 0)
		record_initrd(b->record, true, n_entries, b->config.hook_scripts);
	return rc;
}

/* ---- kernel ---- */

void want_modules(const struct boot *b)
{
	const char *name = b->config.modules;

	for (size_t i = 0; i < b->config.n_modules; i++) {
		kernel_want(b->kernel, &name, 1);
		name += strlen(name) + 1;
	}
}

int stage_kernel(struct boot *b, struct err *e)
{
	int rc = kernel_start(timeout_ms(b), &b->kernel, e);

	if (rc >= 0)
		want_modules(b);
	return rc;
}

static void note_modules(struct boot *b)
{
	SCOPED(mem_free) struct module_load *loaded = NULL;
	size_t n = kernel_loaded(b->kernel, &loaded);

	record_modules(b->record, loaded, n);
}

int end_kernel(struct boot *b, uint64_t deadline_ms, struct err *e)
{
	int rc;

	if (!b->kernel)
		return 0;
	note_modules(b);
	rc = kernel_stop(b->kernel, deadline_ms, e);
	b->kernel = NULL;
	return rc;
}

void undo_kernel(struct boot *b)
{
	struct err e;

	if (end_kernel(b, now_ms() + KERNEL_STOP_MS, &e) < 0)
		log_warning("%s, going on without it", e.what);
}

/* ---- firmware ---- */

static int check_lockdown(struct boot *b, struct err *e)
{
	enum lockdown wanted = b->config.lockdown, found;
	int rc = lockdown_read(&found, e);

	if (rc < 0 && wanted == LOCKDOWN_NONE) {
		log_info("%s: the record does not say how the kernel is locked down", e->what);
		return 0;
	}
	if (rc < 0)
		return rc;
	record_lockdown(b->record, lockdown_name(found));
	if (found < wanted)
		return err_set(e, ERR_SECURE_BOOT, 0,
			       "slipway.conf demands lockdown '%s', and the kernel has '%s'",
			       lockdown_name(wanted), lockdown_name(found));
	return 0;
}

static const char *no_secure_boot(const struct firmware *f)
{
	if (!f->efi)
		return "this machine was not started by UEFI";
	return f->shim_insecure ? "shim was told to check nothing (mokutil --enable-validation ends that)" :
				  "the firmware does not enforce it";
}

int stage_firmware(struct boot *b, struct err *e)
{
	struct err why;
	int rc;

	/* Built in or a module; if neither, mounting it says so. */
	if (access("/sys/firmware/efi", F_OK) == 0 && kernel_require(b->kernel, "efivarfs", &why) < 0)
		log_debug("%s", why.what);
	rc = firmware_read(&b->firmware, e);
	if (rc < 0)
		return rc;
	record_firmware(b->record, &b->firmware);
	kept_read(b);
	note_requests(b);
	if (b->config.secure_boot_required && !b->firmware.secure_boot)
		return err_set(e, ERR_SECURE_BOOT, 0,
			       "slipway.conf demands Secure Boot, and %s", no_secure_boot(&b->firmware));
	return check_lockdown(b, e);
}

/* ---- tpm ---- */

static int tpm_is_there(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	return access(TPM_DEVICE, R_OK | W_OK) == 0;
}

static int open_tpm(struct boot *b, struct err *e)
{
	int rc = boot_wait(b, tpm_is_there, NULL, TPM_DEVICE, e);
	uint64_t start_us = now_us();

	if (rc < 0)
		return err_set(e, ERR_TPM_MISSING, 0, "'%s' did not appear, though %s announces a TPM",
			       TPM_DEVICE, b->firmware.tpm_source ? b->firmware.tpm_source : "the command line");
	rc = tpm_open(TPM_DEVICE, b->firmware.banks, PHASE_PCR, TPM_LOG, &b->tpm, e);
	record_tpm_command(b->record, "look at its banks", start_us);
	return rc;
}

static int go_on_unmeasured(struct boot *b, const char *state)
{
	log_info("%s: this boot is not measured", state);
	record_tpm(b->record, state);
	return 0;
}

int stage_tpm(struct boot *b, struct err *e)
{
	const struct firmware *f = &b->firmware;
	int rc;

	if (!f->tpm_announced && b->config.tpm == TPM_REQUIRED)
		return err_set(e, ERR_TPM_MISSING, 0, "slipway.conf requires a TPM, and the firmware has none");
	if (!f->tpm_announced && !b->options.measure)
		return go_on_unmeasured(b, "no TPM");
	if (!f->stub_measured && !b->options.measure) {
		if (b->config.tpm == TPM_REQUIRED)
			return err_set(e, ERR_TPM_FAILED, 0, "nothing measured this initrd before it started");
		return go_on_unmeasured(b, "a TPM, but no stub that measured this initrd");
	}
	rc = open_tpm(b, e);
	if (rc < 0 && b->config.tpm == TPM_OPTIONAL) {
		log_warning("%s; slipway.conf lets the boot go on", e->what);
		return go_on_unmeasured(b, "broken TPM");
	}
	record_tpm(b->record, rc < 0 ? "failed" : "in use");
	return rc;
}

/* ---- enter ---- */

static void load_credential_driver(struct boot *b, const char *who)
{
	struct err why;

	if (b->kernel && kernel_require(b->kernel, "qemu_fw_cfg", &why) < 0)
		log_warning("%s: %s no credentials from there", why.what, who);
}

/* Only if the stub left some: reading what the firmware says takes time. */
static int import_credentials(struct boot *b, struct err *e)
{
	SCOPED(cmdline_done) struct cmdline words = { 0 };
	int rc = b->options.credentials ? credentials_present("", e) : 0;

	if (rc <= 0)
		return rc;
	load_credential_driver(b, "the host gets");
	rc = read_words(&words, e);
	return rc < 0 ? rc : credentials_import(&words, &b->credentials, e);
}

int boot_lend_credentials(struct boot *b, const char **ret, struct err *e)
{
	SCOPED(cmdline_done) struct cmdline words = { 0 };
	int rc;

	*ret = NULL;
	if (!b->options.credentials)
		return 0;
	load_credential_driver(b, "hooks get");
	rc = read_words(&words, e);
	return rc < 0 ? rc : credentials_lend(&words, &b->credentials, ret, e);
}

/* What firmware, boot loader and stub measured ends here: no later word can pass for theirs.
 * PCR 11 has its phases for that; 8, 10 and 15 are others' or still empty. */
static int separate(struct boot *b, struct err *e)
{
	static const unsigned char pcrs[] = { 0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 14 };
	int rc = 0;

	for (size_t i = 0; i < sizeof(pcrs) && rc >= 0; i++)
		rc = boot_measure_into(b, pcrs[i], "os-separator", "os-separator", e);
	return rc;
}

/* A host that finds the files does not make the key itself: from systemd 259 on it could not,
 * as this phase has ended by then. Nothing here needs the key. */
static void leave_srk(struct boot *b)
{
	uint64_t start_us = now_us();
	struct srk srk;
	struct err e;
	int rc;

	if (!b->tpm)
		return;
	if (!b->config.srk) {
		record_srk(b->record, "none", "slipway.conf says so");
		return;
	}
	rc = srk_get(b->tpm, &srk, &e);
	record_tpm_command(b->record, "storage root key", start_us);
	if (rc >= 0 && srk.was_made)
		log_info("made a storage root key in the TPM");
	if (rc >= 0)
		rc = srk_write(&srk, "/run/systemd", &e);
	if (rc < 0)
		log_warning("%s: the host gets no storage root key, continuing", e.what);
	record_srk(b->record, rc < 0 ? "none" : srk.was_made ? "made" : "found",
		   rc < 0 ? e.what : NULL);
}

static int close_banks(struct boot *b, struct err *e)
{
	uint64_t start_us = now_us();
	int rc = tpm_close_unused(b->tpm, PHASE_PCR, "os-separator", e);

	record_tpm_command(b->record, "close banks that are not used", start_us);
	return rc;
}

int stage_enter(struct boot *b, struct err *e)
{
	int rc = boot_measure(b, "enter-initrd", "phase", e);

	if (rc >= 0 && b->tpm)
		rc = close_banks(b, e);
	if (rc >= 0 && b->tpm)
		record_banks(b->record, b->tpm, b->config.os_separator ? "261" : "257");
	if (rc >= 0 && b->config.os_separator)
		rc = separate(b, e);
	if (rc >= 0)
		leave_srk(b);
	if (rc >= 0)
		rc = enter_nvpcrs(b, e);
	if (rc >= 0)
		rc = extra_stage(e);
	return rc < 0 ? rc : import_credentials(b, e);
}

