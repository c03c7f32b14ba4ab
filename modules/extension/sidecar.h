/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sidecar.h - what proves a bare file system NAME.raw lies in files beside it: its hash tree in
 * NAME.verity, the root hash in NAME.roothash, a signature of that in NAME.roothash.p7s.
 * Spec: systemd.exec(5), RootVerity= and what follows it. */
#pragma once

#include <stdbool.h>

#include "init/core/err.h"
#include "modules/disk/gpt.h"
#include "modules/extension/loop.h"
#include "modules/verity/set.h"

struct sidecar {
	struct partition data, hash, signature; /* whole loop devices, and only a name */
	struct verity_set set;                  /* of those */
};

/* Has path, an image, a hash tree beside it? */
bool sidecar_present(const char *path);

/* Reads what lies beside path, attached as data, into *ret, and attaches the hash tree. Without
 * a signature the set has none. set points into *ret. The caller ends with sidecar_done() and
 * loop_detach(). Errors: ERR_EXTENSION_MALFORMED, ERR_SYSTEM, ERR_MEMORY, ERR_UNSUPPORTED. */
int sidecar_read(const char *path, const struct loop *data, struct loop *ret_hash,
		 struct sidecar *ret, struct err *e);
void sidecar_done(struct sidecar *s);

/* Fills the hash and the signature of the set from the two files' contents; the last may be
 * empty. Pure. Errors: ERR_EXTENSION_MALFORMED, ERR_MEMORY. */
int sidecar_parse(const char *root_hash, const uint8_t *der, size_t der_bytes,
		  struct verity_set *ret, struct err *e);
