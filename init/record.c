/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/record.h"

#include <json-c/json.h>
#include <string.h>

#include "hooks/hooks.h"
#include "init/core/bytes.h"
#include "init/core/cleanup.h"
#include "init/core/clock.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "init/port.h"
#include "init/record_json.h"
#include "modules/extension/extension.h"
#include "modules/inputs/firmware.h"
#include "modules/inputs/last_failure.h"
#include "modules/kernel/kernel.h"
#include "modules/tpm/tpm.h"
#include "modules/trust/anchors.h"

enum { RECORD_SCHEMA = 1 };

struct record *record_new(void)
{
	struct record *r = calloc(1, sizeof(*r));
	char boot_id[64];

	if (!r)
		return NULL;
	r->top = json_object_new_object();
	put_number(r->top, "schema", RECORD_SCHEMA);
	put_text(r->top, "version", SLIPWAY_VERSION);
	if (file_read_text("/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id)) > 0)
		put_text(r->top, "boot_id", boot_id);
	return r;
}

void record_stage_begin(struct record *r, const char *name, uint64_t start_us)
{
	struct json_object *o = append(array(r, "stages"));

	put_text(o, "name", name);
	put_number(o, "start_us", start_us);
	if (r)
		r->stage = o;
}

void record_stage_end(struct record *r, uint64_t duration_us)
{
	if (r)
		put_number(r->stage, "duration_us", duration_us);
}

void record_wait(struct record *r, const char *what, uint64_t start_us, uint64_t duration_us,
		 bool came)
{
	struct json_object *o = append(array(r, "waits"));

	put_text(o, "what", what);
	put_times(o, start_us, duration_us);
	put_bool(o, "came", came);
}

void record_stage_forget(struct record *r)
{
	struct json_object *a = array(r, "stages");
	size_t n = a ? json_object_array_length(a) : 0;

	if (r)
		r->stage = NULL;
	if (n)
		json_object_array_del_idx(a, n - 1, 1);
}

void record_debug(struct record *r)
{
	if (r)
		put_bool(r->top, "debug", true);
}

void record_initrd(struct record *r, bool checked, size_t n_entries, bool scripts)
{
	struct json_object *o = section(r, "initrd");

	put_bool(o, "checked", checked);
	put_number(o, "entries", n_entries);
	put_bool(o, "scripts", scripts);
}

void record_firmware(struct record *r, const struct firmware *f)
{
	struct json_object *o = section(r, "firmware");
	char text[UUID_TEXT_BYTES];

	put_bool(o, "efi", f->efi);
	put_bool(o, "secure_boot", f->secure_boot);
	put_bool(o, "shim_insecure", f->shim_insecure);
	put_text(o, "loader_device_partuuid",
		 f->has_loader_partuuid ? uuid_format(&f->loader_partuuid, text) : NULL);
	put_bool(o, "stub_measured", f->stub_measured);
	put_bool(o, "tpm2", f->tpm_announced);
	put_text(o, "tpm2_source", f->tpm_source);
	put_bool(o, "hibernated", f->hibernated);
	put_bool(o, "factory_reset", f->factory_reset);
}

void record_last_failure(struct record *r, const struct last_failure *f)
{
	struct json_object *o = section(r, "last_failure");

	put_text(o, "stage", f->stage);
	put_text(o, "code", f->code);
	put_text(o, "what", f->what);
	put_number(o, "count", f->count);
}

void record_lockdown(struct record *r, const char *level)
{
	if (r)
		put_text(r->top, "lockdown", level);
}

void record_tpm(struct record *r, const char *state)
{
	if (r)
		put_text(r->top, "tpm", state);
}

void record_banks(struct record *r, const struct tpm *t, const char *scheme)
{
	struct json_object *o = section(r, "banks");
	const char *name;

	for (size_t i = 0; (name = tpm_bank(t, true, i)); i++)
		put_text(o, name, "used");
	for (size_t i = 0; (name = tpm_bank(t, false, i)); i++)
		put_text(o, name, "closed");
	if (r)
		put_text(r->top, "pcr_scheme", scheme);
}

void record_srk(struct record *r, const char *state, const char *why)
{
	struct json_object *o = section(r, "srk");

	put_text(o, "state", state);
	put_text(o, "why", why);
}

void record_nvpcr(struct record *r, const char *state)
{
	if (r)
		put_text(r->top, "nvpcr", state);
}

static void put_digests(struct json_object *o, const struct measurement *m)
{
	struct json_object *digests = json_object_new_object();
	char hex[2 * TPM_MAX_DIGEST_BYTES + 1];

	for (size_t i = 0; i < m->n_digests; i++) {
		hex_encode(m->digests[i].bytes, m->digests[i].n_bytes, hex);
		put_text(digests, m->digests[i].bank, hex);
	}
	put(o, "digests", digests);
}

void record_measurement(struct record *r, const struct measurement *m)
{
	struct json_object *o = append(array(r, "measurements"));

	if (!o)
		return;
	if (m->nv_index) {
		put_number(o, "nv_index", m->nv_index);
		put_text(o, "nvpcr", m->nvpcr);
	} else {
		put_number(o, "pcr", m->pcr);
	}
	put_text(o, "text", m->text);
	put_times(o, m->start_us, m->duration_us);
	put_digests(o, m);
}

void record_tpm_command(struct record *r, const char *what, uint64_t start_us)
{
	struct json_object *o = append(array(r, "tpm_commands"));

	put_text(o, "what", what);
	put_times(o, start_us, now_us() - start_us);
}

void record_pcr(struct record *r, const struct measurement *m)
{
	struct json_object *o = section(r, "pcr");

	if (!o)
		return;
	put_number(o, "pcr", m->pcr);
	put_digests(o, m);
}

static struct json_object *new_expired(const struct expired *x)
{
	struct json_object *a = json_object_new_array();

	for (size_t i = 0; i < x->n; i++) {
		struct json_object *one = append(a);

		put_text(one, "path", x->all[i].path);
		put_text(one, "certificate", x->all[i].fingerprint);
		put_text(one, "valid_to", x->all[i].valid_to);
	}
	return a;
}

void record_trust(struct record *r, const struct anchors *a, const char *floor)
{
	struct json_object *o = section(r, "trust");

	put_number(o, "certificates", anchors_count(a));
	if (o && anchors_expired(a)->n)
		put(o, "expired", new_expired(anchors_expired(a)));
	put_text(o, "policy_floor", floor);
}

void record_extensions(struct record *r, const struct extensions *x)
{
	struct json_object *a = array(r, "extensions");

	for (size_t i = 0; i < extensions_count(x); i++) {
		const struct extension_verdict *v = extensions_verdict(x, i);
		struct json_object *o = append(a);

		put_text(o, "class", v->class->name);
		put_text(o, "source", v->source);
		put_text(o, "name", v->name);
		put_text(o, "verdict", v->merged ? "merged" : v->handed_over ? "handed-over" : "skipped");
		put_text(o, "code", v->code == ERR_NONE ? NULL : err_name(v->code));
		put_text(o, "why", v->code == ERR_NONE ? NULL : v->why);
		put_text(o, "roothash", *v->root_hash ? v->root_hash : NULL);
	}
}

static const int style = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;

char *record_view(const struct record *r, const struct hook *h, size_t *ret_n)
{
	struct json_object *view = r ? json_object_new_object() : NULL;
	const char *text = NULL;
	char *copy = NULL;

	put_number(view, "schema", RECORD_SCHEMA);
	put_text(view, "point", hook_point_name(h->point));
	put_text(view, "hook", h->name);
	if (view)
		put(view, "boot", json_object_get(r->top));
	if (view)
		text = json_object_to_json_string_length(view, style, ret_n);
	if (text)
		copy = strdup(text);
	json_object_put(view);
	return copy;
}

void record_hook(struct record *r, const struct hook *h, const struct hook_result *result)
{
	static const char *const verdicts[] = {
		[HOOK_FAILED] = "failed", [HOOK_CONTINUED] = "continued", [HOOK_REFUSED] = "refused",
		[HOOK_SKIPPED] = "skipped",
	};
	struct json_object *o = append(array(r, "hooks")), *facts = NULL;
	const struct answer *a = &result->answer;
	bool went_well = result->verdict == HOOK_CONTINUED;
	size_t n_files = 0;

	put_text(o, "point", hook_point_name(h->point));
	put_text(o, "name", h->name);
	put_text(o, "digest", h->program);
	put_text(o, "declaration", h->declared);
	put_bool(o, "script", h->script);
	put_times(o, result->start_us, result->duration_us);
	put_text(o, "verdict", verdicts[result->verdict]);
	put_text(o, "code", went_well ? NULL : err_name(result->why.code));
	put_text(o, "why", went_well ? NULL : result->why.what);
	for (size_t i = 0; i < DECLARATION_MAX_LIST; i++)
		n_files += result->files[i];
	put_number(o, "files", n_files);
	if (o)
		facts = json_object_new_object();
	for (size_t i = 0; i < a->n_facts; i++)
		put_text(facts, a->facts[i].key, a->facts[i].value);
	put(o, "facts", facts);
}

void record_modules(struct record *r, const struct module_load *m, size_t n)
{
	struct json_object *a = array(r, "modules");

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = append(a);

		put_text(o, "name", m[i].name);
		put_times(o, m[i].start_us, m[i].duration_us);
		if (m[i].errnum)
			put_number(o, "errno", (uint64_t)m[i].errnum);
	}
}

void record_attempt(struct record *r, const char *attempt, const char *stage, const struct err *e,
		    const char *label)
{
	struct json_object *o = append(array(r, "attempts"));

	put_text(o, "attempt", attempt);
	put_text(o, "stage", stage);
	put_text(o, "code", err_name(e->code));
	put_text(o, "what", e->what);
	put_text(o, "label", label);
}

void record_forget_root(struct record *r, size_t n_kept)
{
	static const char *const keys[] = { "root", "state", "fsck", "mounts", "os", "image_version", "init" };
	struct json_object *a = array(r, "extensions");
	size_t n = a ? json_object_array_length(a) : 0;

	if (!r)
		return;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		json_object_object_del(r->top, keys[i]);
	if (n_kept == 0)
		json_object_object_del(r->top, "extensions");
	else if (n > n_kept)
		json_object_array_del_idx(a, n_kept, n - n_kept);
}

static void put_result(struct record *r, const char *failed_stage, const struct err *failure)
{
	struct json_object *warnings = json_object_new_array(), *o;

	put(r->top, "warnings", warnings); /* in the place of those of a record before */
	for (size_t i = 0; warnings && log_warning_at(i); i++)
		json_object_array_add(warnings, new_text(log_warning_at(i)));
	put_text(r->top, "result", failure ? "failed" : "handed-over");
	if (!failure)
		return;
	o = section(r, "failure");
	put_text(o, "stage", failed_stage);
	put_text(o, "code", err_name(failure->code));
	put_text(o, "what", failure->what);
	put_text(o, "where", failure->where);
	put_text(o, "means", err_meaning(failure->code));
	put_text(o, "next", err_advice(failure->code));
}

void record_failure(struct record *r, const char *stage, const struct err *failure)
{
	if (r)
		put_result(r, stage, failure);
}

void record_write(struct record *r, const char *failed_stage, const struct err *failure)
{
	const char *text;
	size_t n;
	struct err e;

	if (!r)
		return;
	put_result(r, failed_stage, failure);
	text = json_object_to_json_string_length(r->top, style, &n);
	if (!text)
		return;
	if (make_dirs("/run/slipway", 0755, &e) < 0 ||
	    file_write("/run/slipway/boot.json", 0644, text, n, &e) < 0)
		log_warning("the boot record is not kept in /run: %s", e.what);
	port_send("slipway.record", text, n);
}
