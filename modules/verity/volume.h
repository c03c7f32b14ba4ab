/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* volume.h - proven volumes. Only volume_prove() makes one, and everything that
 * mounts takes one: nobody can mount what was not proven. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "init/core/err.h"
#include "modules/trust/anchors.h"
#include "modules/verity/set.h"

struct volume;

enum proof {
	PROOF_ROOT_HASH,   /* the root hash itself is trusted (command line, the initrd's files) */
	PROOF_CERTIFICATE, /* one of our certificates, checked by us */
	PROOF_KERNEL,      /* the kernel's trusted keyrings */
};

/* What the kernel does when a block that is read does not match its hash. */
enum on_corruption {
	ON_CORRUPTION_ERROR, /* the read fails with EIO */
	ON_CORRUPTION_RESTART,
	ON_CORRUPTION_PANIC,
};

struct volume_request {
	const char *name; /* device-mapper name: "root", "usr", "<hash>-verity" */
	const struct disk *disk;
	const struct verity_set *set;
	const struct anchors *anchors;
	bool secure_boot;      /* else the kernel's yes is no proof: db is unprotected */
	bool allow_user_space; /* systemd.allow_userspace_verity= */
	const struct digests *denied_root_hashes; /* NULL: none */
	bool root_hash_trusted; /* set->root_hash came from a trusted command line or the initrd */
	enum on_corruption on_corruption;
	/* Called when all is checked but what the kernel has to say: returns when it can, or
	 * fails with *e filled. NULL: it can. */
	int (*await_driver)(void *arg, struct err *e);
	void *arg;
};

/* Parses the superblock, checks the signature (the kernel's word comes first, then our
 * certificates), awaits the driver, activates, checks that the device verifies, reads from it.
 * A signature that is there and bad fails, whatever else would suffice.
 * Errors: ERR_SIGNATURE_*, ERR_VERITY_*, ERR_DISK_FAILED, ERR_DENIED, ERR_NAME_TAKEN. Nothing stays
 * active on failure. */
int volume_prove(const struct volume_request *request, struct volume **ret, struct err *e);

/* "/dev/mapper/root" */
const char *volume_path(const struct volume *v);
dev_t volume_dev(const struct volume *v);
const char *volume_root_hash(const struct volume *v); /* lower-case hex */
enum proof volume_proof(const struct volume *v);
/* USE_* flags as achieved: what policy_check() takes after activation. */
unsigned volume_uses(const struct volume *v);
/* The kernel checked the signature, too, and accepts the signer. */
bool volume_kernel_agrees(const struct volume *v);
/* Hex of the signer's fingerprint; "" unless PROOF_CERTIFICATE. */
const char *volume_signer(const struct volume *v);

/* Deactivates the device (deferred if busy) and frees v. */
void volume_close(struct volume *v);
