/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/tpm.h"

#include <mbedtls/md.h>
#include <stdio.h>
#include <string.h>
#include <tss2/tss2_tcti_device.h>

#include "init/core/cleanup.h"
#include "init/core/clock.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/tpm/context.h"
#include "modules/tpm/eventlog.h"
#include "modules/tpm/logfile.h"
#include "modules/tpm/tcti.h"

enum {
	PROBE_MS = 1000, /* the library waits no longer when it opens the device */
};

static void tpm_drop(struct tpm **t)
{
	tpm_close(*t);
}

TSS2_RC tpm_bare_code(TSS2_RC rc)
{
	rc &= ~TSS2_RC_LAYER_MASK;
	return rc & TPM2_RC_FMT1 ? rc & (TPM2_RC_FMT1 | 0x3f) : rc;
}

static const char *explain(TSS2_RC rc)
{
	switch (tpm_bare_code(rc)) {
	case TPM2_RC_LOCKOUT:
		return "it is locked out after wrong passwords and recovers in its own time";
	case TPM2_RC_INITIALIZE:
		return "the firmware has not started it";
	case TPM2_RC_FAILURE:
		return "it failed its self-test";
	case TPM2_RC_RETRY:
	case TPM2_RC_YIELDED:
	case TPM2_RC_TESTING:
		return "it stayed busy";
	case TPM2_RC_BAD_AUTH:
	case TPM2_RC_AUTH_FAIL:
		return "its owner has set a password";
	case TPM2_RC_HIERARCHY:
		return "the firmware has disabled its owner's hierarchy";
	case TSS2_BASE_RC_TRY_AGAIN:
		return "it does not answer";
	case TSS2_BASE_RC_IO_ERROR:
		return "its device cannot be read or written";
	default:
		return "it refused";
	}
}

int tpm_failed(struct err *e, TSS2_RC rc, const char *doing)
{
	return err_set(e, ERR_TPM_FAILED, 0, "the TPM cannot %s: %s (0x%08x)", doing, explain(rc),
		       (unsigned)rc);
}

bool tpm_must_wait(TSS2_RC rc, uint64_t deadline_ms)
{
	return (rc & ~TSS2_RC_LAYER_MASK) == TSS2_BASE_RC_TRY_AGAIN && now_ms() < deadline_ms;
}

static int get_banks(struct tpm *t, TPML_PCR_SELECTION *ret, struct err *e)
{
	SCOPED(tpm_esys_free) TPMS_CAPABILITY_DATA *data = NULL;
	TSS2_RC rc;

	TPM_RUN(t, rc,
	    Esys_GetCapability_Async(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
				     TPM2_CAP_PCRS, 0, 1),
	    Esys_GetCapability_Finish(t->esys, NULL, &data));
	if (rc != TSS2_RC_SUCCESS || data->capability != TPM2_CAP_PCRS)
		return tpm_failed(e, rc, "list its PCR banks");
	*ret = data->data.assignedPCR;
	return 0;
}

/* The bank is allocated, with all PCRs. */
static bool is_full(const TPML_PCR_SELECTION *assigned, TPM2_ALG_ID algorithm)
{
	for (uint32_t i = 0; i < assigned->count && i < TPM2_NUM_PCR_BANKS; i++) {
		const TPMS_PCR_SELECTION *s = &assigned->pcrSelections[i];

		if (s->hash == algorithm)
			return s->sizeofSelect >= 3 && s->pcrSelect[0] == 0xff &&
			       s->pcrSelect[1] == 0xff && s->pcrSelect[2] == 0xff;
	}
	return false;
}

static int read_bank(struct tpm *t, const struct bank *bank, unsigned pcr, struct tpm_digest *ret,
		     struct err *e)
{
	TPML_PCR_SELECTION wanted = {
		.count = 1,
		.pcrSelections = { { .hash = bank->algorithm, .sizeofSelect = 3 } },
	};
	SCOPED(tpm_esys_free) TPML_DIGEST *values = NULL;
	TSS2_RC rc;

	wanted.pcrSelections[0].pcrSelect[pcr / 8] = (BYTE)(1u << pcr % 8);
	TPM_RUN(t, rc,
	    Esys_PCR_Read_Async(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &wanted),
	    Esys_PCR_Read_Finish(t->esys, NULL, NULL, &values));
	if (rc != TSS2_RC_SUCCESS)
		return tpm_failed(e, rc, "read a PCR");
	if (values->count != 1 || values->digests[0].size != bank->n_bytes)
		return err_set(e, ERR_TPM_FAILED, 0, "the TPM has no PCR %u in bank '%s'", pcr,
			       bank->name);
	ret->bank = bank->name;
	ret->n_bytes = bank->n_bytes;
	memcpy(ret->bytes, values->digests[0].buffer, bank->n_bytes);
	return 0;
}

/* The firmware measures into every bank that it knows about. */
static bool was_measured(const struct tpm_digest *d)
{
	for (size_t i = 0; i < d->n_bytes; i++)
		if (d->bytes[i] != d->bytes[0])
			return true;
	return d->bytes[0] != 0x00 && d->bytes[0] != 0xff;
}

static int take_given(struct tpm *t, const TPML_PCR_SELECTION *assigned, uint32_t banks,
		      struct err *e)
{
	for (size_t i = 0; i < TPM_MAX_BANKS; i++) {
		const struct bank *bank = &tpm_banks[i];

		if (!(banks & bank->bit))
			continue;
		if (!is_full(assigned, bank->algorithm))
			return err_set(e, ERR_TPM_FAILED, 0,
				       "the firmware uses PCR bank '%s', the TPM does not have it",
				       bank->name);
		t->used.at[t->used.n++] = bank;
		banks &= ~bank->bit;
	}
	if (banks)
		log_warning("PCR banks 0x%x are of an unknown hash, continuing without them",
			    (unsigned)banks);
	return 0;
}

static int find_good(struct tpm *t, const TPML_PCR_SELECTION *assigned, unsigned pcr, struct err *e)
{
	struct banks full = { .n = 0 };

	for (size_t i = 0; i < TPM_MAX_BANKS; i++)
		if (is_full(assigned, tpm_banks[i].algorithm))
			full.at[full.n++] = &tpm_banks[i];
	for (size_t i = 0; i < full.n; i++) {
		struct tpm_digest d;
		int rc = read_bank(t, full.at[i], pcr, &d, e);

		if (rc < 0)
			return rc;
		if (was_measured(&d))
			t->used.at[t->used.n++] = full.at[i];
	}
	if (t->used.n == 0)
		t->used = full;
	return 0;
}

static bool has_bank(const struct banks *banks, const struct bank *bank)
{
	for (size_t i = 0; i < banks->n; i++)
		if (banks->at[i] == bank)
			return true;
	return false;
}

static int choose_banks(struct tpm *t, uint32_t banks, unsigned pcr, struct err *e)
{
	TPML_PCR_SELECTION assigned;
	int rc = get_banks(t, &assigned, e);

	if (rc < 0)
		return rc;
	if (banks == 0 || banks == UINT32_MAX)
		rc = find_good(t, &assigned, pcr, e);
	else
		rc = take_given(t, &assigned, banks, e);
	if (rc < 0)
		return rc;
	if (t->used.n == 0)
		return err_set(e, ERR_TPM_FAILED, 0, "the TPM has no PCR bank that can be used");
	for (size_t i = 0; i < TPM_MAX_BANKS; i++)
		if (is_full(&assigned, tpm_banks[i].algorithm) && !has_bank(&t->used, &tpm_banks[i]))
			t->unused.at[t->unused.n++] = &tpm_banks[i];
	return 0;
}

/* The kernel's boot id, without its dashes; "" if it cannot be read. */
static void read_boot_id(char ret[static 33])
{
	char text[64];
	size_t n = 0;

	if (file_read_text("/proc/sys/kernel/random/boot_id", text, sizeof(text)) != 36)
		text[0] = '\0';
	for (const char *c = text; *c && n < 32; c++)
		if (*c != '-')
			ret[n++] = *c;
	ret[n] = '\0';
}

static int prepare_log(struct tpm *t, const char *path, struct err *e)
{
	SCOPED(mem_free) char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	t->log_path = strdup(path);
	if (!t->log_path || !folder)
		return err_set(e, ERR_MEMORY, 0, "prepare the event log");
	read_boot_id(t->boot_id);
	if (!slash || slash == folder)
		return 0;
	*slash = '\0';
	if (make_dirs(folder, 0755, e) < 0)
		log_debug("%s", e->what); /* the first record will say more */
	return 0;
}

int tpm_open_tcti(TSS2_TCTI_CONTEXT *tcti, uint32_t banks, unsigned pcr, const char *log_path,
		  struct tpm **ret, struct err *e)
{
	SCOPED(tpm_drop) struct tpm *tpm = calloc(1, sizeof(*tpm));
	TSS2_RC tss;
	int rc;

	if (!tpm) {
		Tss2_Tcti_Finalize(tcti);
		free(tcti);
		return err_set(e, ERR_MEMORY, 0, "open the TPM");
	}
	tpm->tcti = tcti;
	tss = Esys_Initialize(&tpm->esys, tcti, NULL);
	if (tss != TSS2_RC_SUCCESS)
		return tpm_failed(e, tss, "be opened");
	rc = choose_banks(tpm, banks, pcr, e);
	if (rc >= 0)
		rc = tpm_read_starts(tpm, &tpm->starts, e);
	if (rc < 0)
		return rc;
	rc = prepare_log(tpm, log_path, e);
	if (rc < 0)
		return rc;
	*ret = ptr_take(&tpm);
	return 0;
}

/* A TPM that is busy with its self-test takes longer to answer than the library waits.
 * What fails sooner than that is no question of time. */
static TSS2_RC init_device(TSS2_TCTI_CONTEXT *tcti, size_t n, const char *device)
{
	uint64_t start_ms, deadline_ms = now_ms() + TPM_COMMAND_MS;
	TSS2_RC rc;

	do {
		start_ms = now_ms();
		rc = Tss2_Tcti_Device_Init(tcti, &n, device);
	} while (rc == TSS2_TCTI_RC_IO_ERROR && now_ms() - start_ms >= PROBE_MS &&
		 now_ms() < deadline_ms);
	return rc;
}

int tpm_open(const char *device, uint32_t banks, unsigned pcr, const char *log_path,
	     struct tpm **ret, struct err *e)
{
	SCOPED(mem_free) TSS2_TCTI_CONTEXT *tcti = NULL;
	size_t n = 0;
	TSS2_RC rc = Tss2_Tcti_Device_Init(NULL, &n, NULL);

	tcti = rc == TSS2_RC_SUCCESS ? calloc(1, n) : NULL;
	if (!tcti)
		return err_set(e, ERR_MEMORY, 0, "open the TPM '%s'", device);
	rc = init_device(tcti, n, device);
	if (rc != TSS2_RC_SUCCESS) {
		(void)tpm_failed(e, rc, "be opened");
		return err_in(e, "TPM '%s'", device);
	}
	return tpm_open_tcti(ptr_take(&tcti), banks, pcr, log_path, ret, e);
}

void tpm_close(struct tpm *t)
{
	if (!t)
		return;
	Esys_Finalize(&t->esys);
	Tss2_Tcti_Finalize(t->tcti);
	free(t->tcti);
	free(t->log_path);
	free(t);
}

bool tpm_is_plain(const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c < ' ' || *c > '~' || strchr("\"'\\", *c))
			return false;
	return strlen(text) < TPM_MAX_TEXT_BYTES;
}

static int digest(mbedtls_md_type_t type, struct bytes key, const char *text, uint8_t *ret)
{
	const mbedtls_md_info_t *md = mbedtls_md_info_from_type(type);

	return key.p ? mbedtls_md_hmac(md, key.p, key.n, (const uint8_t *)text, strlen(text), ret) :
		       mbedtls_md(md, (const uint8_t *)text, strlen(text), ret);
}

/* With a key it is an HMAC. */
static int hash(const struct banks *banks, struct bytes key, const char *text, struct measurement *ret,
		struct err *e)
{
	for (size_t i = 0; i < banks->n; i++) {
		const struct bank *bank = banks->at[i];
		struct tpm_digest *d = &ret->digests[i];

		d->bank = bank->name;
		d->n_bytes = bank->n_bytes;
		if (digest((mbedtls_md_type_t)bank->md, key, text, d->bytes) != 0)
			return err_set(e, ERR_TPM_FAILED, 0, "hash '%s' with %s", text, bank->name);
	}
	ret->n_digests = banks->n;
	snprintf(ret->text, sizeof(ret->text), "%s", text);
	return 0;
}

static int extend(struct tpm *t, const struct banks *banks, const struct measurement *m,
		  struct err *e)
{
	TPML_DIGEST_VALUES values = { .count = (uint32_t)m->n_digests };
	TSS2_RC rc;

	for (size_t i = 0; i < m->n_digests; i++) {
		values.digests[i].hashAlg = banks->at[i]->algorithm;
		memcpy(&values.digests[i].digest, m->digests[i].bytes, m->digests[i].n_bytes);
	}
	TPM_RUN(t, rc,
	    Esys_PCR_Extend_Async(t->esys, ESYS_TR_PCR0 + m->pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				  ESYS_TR_NONE, &values),
	    Esys_PCR_Extend_Finish(t->esys));
	return rc == TSS2_RC_SUCCESS ? 0 : tpm_refused(t, e, rc, "extend a PCR");
}

bool tpm_log_is_incomplete(const struct tpm *t)
{
	return t->log_failed;
}

void tpm_log_was_incomplete(struct tpm *t)
{
	t->log_failed = true;
}

/* What is measured counts, with or without its record. */
static void warn_about_log(struct tpm *t, const struct err *e)
{
	if (!t->log_failed)
		log_warning("%s: the event log is incomplete, continuing to measure", e->what);
	t->log_failed = true;
}

static int append(struct tpm *t, struct logfile *log, const struct measurement *m,
		  const char *event_type, struct err *e)
{
	SCOPED(mem_free) char *record = NULL;
	size_t n = 0;

	if (t->boot_id[0] == '\0')
		return err_set(e, ERR_SYSTEM, 0, "the kernel shows no boot id");
	record = eventlog_format(m, event_type, t->boot_id, now_us(), &n);
	if (!record)
		return err_set(e, ERR_MEMORY, 0, "format a record of the event log");
	return logfile_append(log, record, n, e);
}

int tpm_extend_logged(struct tpm *t, const struct measurement *m, const char *event_type,
		      int (*extender)(struct tpm *t, const struct measurement *m, const void *arg,
				      struct err *e),
		      const void *arg, struct err *e)
{
	SCOPED(logfile_close) struct logfile log = LOGFILE_CLOSED;
	struct err log_error;
	int rc;

	if (logfile_begin(&log, t->log_path, &log_error) < 0)
		warn_about_log(t, &log_error);
	/* A log that could not be opened has no mark yet of the record that it lacks. */
	log.was_incomplete |= t->log_failed;
	/* Without an answer nobody knows whether the PCR was extended: the mark stays. */
	rc = extender(t, m, arg, e);
	if (rc >= 0 && log.fd >= 0 && append(t, &log, m, event_type, &log_error) < 0)
		warn_about_log(t, &log_error);
	return rc;
}

static int extend_used(struct tpm *t, const struct measurement *m, const void *arg, struct err *e)
{
	(void)arg;
	return extend(t, &t->used, m, e);
}

int tpm_measure_keyed(struct tpm *t, unsigned pcr, struct bytes key, const char *text,
		      const char *event_type, struct measurement *ret, struct err *e)
{
	struct measurement m = { .pcr = pcr };
	int rc;

	if (pcr >= TPM_N_PCRS || !tpm_is_plain(text))
		return err_set(e, ERR_TPM_FAILED, 0, "the text cannot be measured into PCR %u",
			       pcr);
	rc = hash(&t->used, key, text, &m, e);
	if (rc < 0)
		return rc;
	m.start_us = now_us();
	rc = tpm_extend_logged(t, &m, event_type, extend_used, NULL, e);
	m.duration_us = now_us() - m.start_us;
	if (rc < 0)
		return err_in(e, "measuring '%s' into PCR %u", text, pcr);
	*ret = m;
	return 0;
}

int tpm_measure(struct tpm *t, unsigned pcr, const char *text, const char *event_type,
		struct measurement *ret, struct err *e)
{
	return tpm_measure_keyed(t, pcr, (struct bytes){ 0 }, text, event_type, ret, e);
}

int tpm_close_unused(struct tpm *t, unsigned pcr, const char *text, struct err *e)
{
	struct measurement m = { .pcr = pcr };
	int rc = t->unused.n ? hash(&t->unused, (struct bytes){ 0 }, text, &m, e) : 0;

	if (rc < 0 || t->unused.n == 0)
		return rc;
	rc = extend(t, &t->unused, &m, e);
	if (rc < 0)
		return err_in(e, "closing PCR %u in unused banks", pcr);
	for (size_t i = 0; i < m.n_digests; i++)
		log_info("closed PCR %u in bank '%s', which the firmware does not use", pcr,
			 m.digests[i].bank);
	return 0;
}

const char *tpm_bank(const struct tpm *t, bool used, size_t i)
{
	const struct banks *banks = used ? &t->used : &t->unused;

	return i < banks->n ? banks->at[i]->name : NULL;
}

int tpm_read(struct tpm *t, unsigned pcr, struct measurement *ret, struct err *e)
{
	struct measurement m = { .pcr = pcr, .n_digests = t->used.n };

	if (pcr >= TPM_N_PCRS)
		return err_set(e, ERR_TPM_FAILED, 0, "there is no PCR %u", pcr);
	for (size_t i = 0; i < t->used.n; i++) {
		int rc = read_bank(t, t->used.at[i], pcr, &m.digests[i], e);

		if (rc < 0)
			return rc;
	}
	*ret = m;
	return 0;
}
