/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The passphrases of key slots that the TPM keeps. */
#include <fcntl.h>
#include <stdio.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/luks/opening.h"
#include "modules/luks/prompt.h"
#include "modules/luks/token.h"
#include "modules/tpm/pcrkey.h"
#include "modules/tpm/unseal.h"

enum { PIN_TRIES = 5, PCRLOCK_MAX_BYTES = 256 * 1024 };

/* Where they may be in an initrd, the first one first; the last one is what the stub left. */
static const char *const signature_files[] = {
	"/etc/systemd/tpm2-pcr-signature.json", "/run/systemd/tpm2-pcr-signature.json",
	"/usr/local/lib/systemd/tpm2-pcr-signature.json", "/usr/lib/systemd/tpm2-pcr-signature.json",
	"/.extra/tpm2-pcr-signature.json",
};
static const char *const pcrlock_files[] = {
	"/run/systemd/pcrlock.json", "/var/lib/systemd/pcrlock.json",
};

enum { N_SIGNATURES = sizeof(signature_files) / sizeof(*signature_files) };

/* What all tokens are tried with. */
struct evidence {
	char *texts[N_SIGNATURES];
	struct bytes signatures[N_SIGNATURES];
	size_t n_signatures;
	char *pcrlock;
	size_t n_pcrlock;
};

static void evidence_free(struct evidence *v)
{
	for (size_t i = 0; i < v->n_signatures; i++)
		free(v->texts[i]);
	free(v->pcrlock);
}

/* What is not there proves nothing; what cannot be read neither. */
static bool read_evidence(const char *path, size_t max, char **ret, size_t *ret_n)
{
	struct err e;

	if (file_read(AT_FDCWD, path, max, ret, ret_n, &e) == 0)
		return true;
	log_debug("%s", e.what);
	return false;
}

static void gather(struct evidence *v)
{
	for (size_t i = 0; i < N_SIGNATURES; i++) {
		size_t n, k = v->n_signatures;

		if (!read_evidence(signature_files[i], PCR_SIGNATURES_MAX_BYTES, &v->texts[k], &n))
			continue;
		v->signatures[k] = (struct bytes){ (uint8_t *)v->texts[k], n };
		v->n_signatures++;
	}
	for (size_t i = 0; i < sizeof(pcrlock_files) / sizeof(*pcrlock_files) && !v->pcrlock; i++)
		read_evidence(pcrlock_files[i], PCRLOCK_MAX_BYTES, &v->pcrlock, &v->n_pcrlock);
}

/* The number of the try counts those of a person; the first one may be a credential's. Returns 1,
 * 0 if nobody has an answer, or a negative reason code. */
static int get_pin(struct opening *o, int *number, struct luks_secret *ret, struct err *e)
{
	const struct luks_request *q = o->request;
	const char *folder = NULL;
	char text[128];
	int rc = *number == 0 ? q->credentials(q->arg, &folder, e) : 0;

	if (rc < 0)
		return rc;
	if (folder) {
		snprintf(text, sizeof(text), "%s/cryptsetup.tpm2-pin", folder);
		*number = 1;
		if (secret_read(text, ret))
			return 1;
	}
	*number += *number == 0;
	if (!q->may_ask || *number > PIN_TRIES)
		return 0;
	snprintf(text, sizeof(text), "PIN of the TPM for '%s' (%d of %d): ", q->name, *number, PIN_TRIES);
	*number += 1;
	rc = prompt_secret("/dev/console", text, PROMPT_TIMEOUT_MS, ret, e);
	return rc < 0 ? rc : 1;
}

/* Only a wrong PIN is worth another try. */
static enum unseal_verdict ask_tpm(struct opening *o, struct unseal_request *u,
				   char ret[static UNSEAL_MAX_PASSPHRASE], struct err *e)
{
	SCOPED(secret_wipe) struct luks_secret pin = { .n = 0 };
	enum unseal_verdict verdict;
	int number = 0;

	u->pin = NULL;
	for (;;) {
		struct err why;

		verdict = tpm_unseal(o->request->tpm, u, ret, e);
		if (verdict != UNSEAL_NEEDS_PIN && verdict != UNSEAL_WRONG_PIN)
			return verdict;
		if (verdict == UNSEAL_WRONG_PIN)
			log_console(LOG_WARNING, "slipway: the TPM says that the PIN of '%s' is wrong",
				    o->request->name);
		if (get_pin(o, &number, &pin, &why) <= 0)
			return verdict;
		u->pin = pin.p;
	}
}

/* Returns 1, or 0 and in *ret_go_on whether another token may do better. */
static int try_token(struct opening *o, int number, const struct token *t, const struct evidence *v,
		     bool *ret_go_on)
{
	SCOPED(secret_wipe) struct luks_secret s = { .n = 0 };
	struct unseal_request u = {
		.sealed = &t->sealed,
		.signatures = v->signatures,
		.n_signatures = v->n_signatures,
		.pcrlock = { (uint8_t *)v->pcrlock, v->n_pcrlock },
	};
	struct err e = { 0 };
	enum unseal_verdict verdict = ask_tpm(o, &u, s.p, &e);

	*ret_go_on = verdict == UNSEALED || verdict == UNSEAL_NOT_HERE;
	if (verdict == UNSEALED) {
		s.n = strlen(s.p);
		o->by = "tpm2";
		if (opening_try(o, (int)t->keyslot, &s))
			return 1;
		opening_note(o, "token %d does not fit key slot %u", number, t->keyslot);
		return 0;
	}
	log_warning("token %d of '%s': %s: going on without it", number, o->request->name, e.what);
	opening_note(o, "token %d: %s", number, e.what);
	return 0;
}

int unlock_by_tpm(struct opening *o, struct err *e)
{
	SCOPED(evidence_free) struct evidence v = { .n_signatures = 0 };
	SCOPED(mem_free) struct token *t = malloc(sizeof(*t));
	bool go_on = true;

	if (!t)
		return err_set(e, ERR_MEMORY, 0, "no memory for the tokens of '%s'", o->request->name);
	gather(&v);
	for (int i = 0; i < LUKS_MAX_TOKENS && go_on; i++) {
		const char *json = NULL;
		struct err why;

		if (crypt_token_json_get(o->cd, i, &json) < 0)
			continue;
		if (token_parse((struct bytes){ (const uint8_t *)json, strlen(json) }, t, &why) < 0) {
			log_warning("token %d of '%s': %s: going on without it", i, o->request->name, why.what);
			opening_note(o, "token %d: %s", i, why.what);
		} else if (t->kind == TOKEN_TPM2 && !o->request->tpm) {
			opening_note(o, "the TPM is not asked, as this boot is not measured");
			return 0;
		} else if (t->kind == TOKEN_TPM2 && try_token(o, i, t, &v, &go_on)) {
			return 1;
		}
	}
	return 0;
}
