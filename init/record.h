/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* record.h - the boot record: what was found, chosen, proven, measured, and how long
 * it took. Spec: slipway-boot.json(5). Adding to it never fails a boot: without memory
 * it is incomplete. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"

struct record; /* NULL is fine everywhere */

struct anchors;
struct disk;
struct extensions;
struct firmware;
struct hook;
struct hook_result;
struct last_failure;
struct measurement;
struct module_load;
struct policy;
struct policy_verdicts;
struct root_state;
struct tpm;
struct verity_set;
struct volume;
struct luks_volume;

struct record *record_new(void);

void record_stage_begin(struct record *r, const char *name, uint64_t start_us);
void record_stage_end(struct record *r, uint64_t duration_us);
/* What a stage waited for, for people, and whether it came. */
void record_wait(struct record *r, const char *what, uint64_t start_us, uint64_t duration_us,
		 bool came);
/* The one that began had nothing to do, and is not told of. */
void record_stage_forget(struct record *r);

/* The record so far, as a hook reads it: JSON, which the caller frees, with its length. NULL
 * without memory. */
char *record_view(const struct record *r, const struct hook *h, size_t *ret_n);
void record_hook(struct record *r, const struct hook *h, const struct hook_result *result);

/* This is a debug image. */
void record_debug(struct record *r);
/* checked is false if the initrd does not say what it was built with. */
void record_initrd(struct record *r, bool checked, size_t n_entries, bool scripts);
void record_firmware(struct record *r, const struct firmware *f);
/* What the kernel denies even root, if it was asked. */
void record_lockdown(struct record *r, const char *level);
void record_tpm(struct record *r, const char *state);
/* The banks of an open TPM, whose unused ones are closed, and the scheme of slipway.conf. */
void record_banks(struct record *r, const struct tpm *t, const char *scheme);
/* What became of the storage root key, for machines, and for people why there is none, or NULL. */
void record_srk(struct record *r, const char *state, const char *why);
/* "in use", or why there are none. */
void record_nvpcr(struct record *r, const char *state);
void record_measurement(struct record *r, const struct measurement *m);
/* a: what the initrd trusts. */
void record_trust(struct record *r, const struct anchors *a, const char *floor);
/* What else the TPM was told to do, for people; it has ended now, well or not. */
void record_tpm_command(struct record *r, const char *what, uint64_t start_us);
/* Behind those that are there. */
void record_extensions(struct record *r, const struct extensions *x);
void record_modules(struct record *r, const struct module_load *m, size_t n);
void record_disk(struct record *r, const struct disk *d);
/* s is NULL if no set could be chosen: then the partitions have no verdicts. */
void record_set(struct record *r, const struct disk *d, const struct verity_set *s);
/* What the policy said in this stage. */
void record_policy(struct record *r, const struct policy *p, const struct policy_verdicts *all);
/* Proven, or unlocked, the other one being NULL; both if it is unlocked in what is proven. */
void record_root(struct record *r, const struct volume *v, const struct luks_volume *unlocked,
		 const char *filesystem);
/* The root beside a /usr. */
void record_state(struct record *r, const struct root_state *s, const struct luks_volume *unlocked);
/* What came of checking the root's file system, in a word. */
void record_fsck(struct record *r, const char *device, const char *result, uint64_t duration_us);
/* What is mounted below it, in their order. */
void record_mount(struct record *r, const char *where, const char *device, const char *filesystem, bool writable);
/* version is its IMAGE_VERSION, "" if it has none. */
void record_os(struct record *r, const char *os, const char *version, const char *init);

/* What was kept of a boot before this one. */
void record_last_failure(struct record *r, const struct last_failure *f);
/* What this boot tried after a failure; label is that of the root that failed, NULL for none. */
void record_attempt(struct record *r, const char *attempt, const char *stage, const struct err *e,
		    const char *label);

/* A root was given up: what it was, and its extensions, those behind the first n_kept, are no part of
 * what this boot ends with. */
void record_forget_root(struct record *r, size_t n_kept);

/* The result, for hooks that watch: record_write() says the same once more. */
void record_failure(struct record *r, const char *stage, const struct err *failure);

/* The final PCR 11 value in every bank, read back from the TPM. */
void record_pcr(struct record *r, const struct measurement *m);

/* Adds warnings and the result (failure NULL: handed over) and writes the record to
 * /run/slipway/boot.json and, where the machine offers one, to the virtio port
 * "slipway.record". failed_stage is NULL on success. */
void record_write(struct record *r, const char *failed_stage, const struct err *failure);
