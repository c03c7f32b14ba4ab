/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* luks.h - opens an encrypted partition: LUKS2 by dm-crypt.
 * Spec: LUKS2 On-Disk Format 1.1.4; crypttab(5) for what is measured.
 *
 * The one seam between init and init-luks: the smaller program is linked with absent.c in place of
 * all else in this folder, and refuses. What was opened is not proven: the policy has to allow
 * an encrypted root, and the volume's key is measured before anything can be read. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "init/core/bytes.h"
#include "init/core/digests.h"
#include "init/core/err.h"
#include "modules/tpm/tpm.h"

struct luks_volume;

enum { LUKS_PCR = 15 };

struct luks_request {
	const char *name;       /* of the device: "root" or "usr" */
	int partition;          /* open for reading; borrowed */
	uint64_t partition_bytes;
	const struct uuid *uuid; /* that the header must have, or NULL */
	bool read_only;
	bool discard;           /* unused blocks are shown to the disk: how many, and which */
	bool no_read_workqueue, no_write_workqueue;
	struct tpm *tpm;        /* NULL: this boot is not measured, and no token is tried */
	const char *key_file;   /* of the initrd, or NULL for /etc/cryptsetup-keys.d/NAME.key */
	bool may_ask;           /* a person, on the console */
	const struct digests *keys; /* HMAC-SHA256 of the volume keys that may be; empty: any */
	const uint8_t *fixed_key; /* of 32 bytes, likewise: of the one that must be; NULL: any */

	/* Loads a kernel module, or fails with *e filled. */
	int (*need)(void *arg, const char *module, struct err *e);
	/* Where credentials are; NULL if nobody may have any. Asked if it comes to that. */
	int (*credentials)(void *arg, const char **ret, struct err *e);
	/* Called before a volume that something else than the TPM unlocked becomes readable:
	 * that says nothing about whose volume it is. */
	int (*not_by_tpm)(void *arg, struct err *e);
	/* Of the volume's key, into LUKS_PCR. */
	void (*measured)(void *arg, const struct measurement *m);
	void *arg;
};

/* Copies the header, judges the copy and opens by it alone: what is written to the disk meanwhile
 * does not count. Tries the TPM's tokens, the key file, the credential cryptsetup.passphrase and
 * last a person, three times. Measures the volume's key, then makes /dev/mapper/NAME. What is
 * secret is wiped. On failure nothing stays active.
 * Errors: ERR_LUKS_ABSENT, ERR_LUKS_HEADER, ERR_LUKS_UUID, ERR_LUKS_LOCKED, ERR_LUKS_KEY, ERR_LUKS_FAILED,
 * ERR_NAME_TAKEN, ERR_TPM_FAILED (the key cannot be measured), ERR_MEMORY, those of the callbacks. */
int luks_open(const struct luks_request *request, struct luks_volume **ret, struct err *e);

const char *luks_path(const struct luks_volume *v); /* "/dev/mapper/root" */
dev_t luks_dev(const struct luks_volume *v);
const char *luks_uuid(const struct luks_volume *v);
/* "tpm2", "key file", "credential" or "passphrase", and in which key slot it fits. */
const char *luks_by(const struct luks_volume *v);
int luks_slot(const struct luks_volume *v);

/* Takes the device down (deferred if busy) and frees v, which may be NULL. */
void luks_close(struct luks_volume *v);
