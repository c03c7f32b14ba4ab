/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* credentials.h - hands credentials over to the host.
 * Spec: systemd.system-credentials(7), systemd-stub(7).
 *
 * What the stub left in /.extra goes away with the initrd, so it must be copied. But the
 * host imports all sources or none: if we hand over one credential, we must hand over all.
 * Without any in /.extra, the host is left to do it. */
#pragma once

#include <stdbool.h>

#include "init/core/err.h"
#include "modules/inputs/cmdline.h"
#include "modules/inputs/confidential.h"
#include "modules/inputs/credential_store.h"

struct credentials {
	size_t n_encrypted, n_system;
};

/* Whether the stub left any. root is "" but in tests. Errors: ERR_SYSTEM, ERR_MEMORY. */
int credentials_present(const char *root, struct err *e);

/* Copies those of all sources to /run/credentials; the driver of QEMU's fw_cfg is
 * loaded already. Bad ones are skipped with a warning. Errors: ERR_SYSTEM, ERR_MEMORY. */
int credentials_import(const struct cmdline *words, struct credentials *ret, struct err *e);

/* Where those that are not encrypted are, for hooks: in the folder for the host if anything was
 * imported, else in one for hooks alone, which credentials_take_back() removes. Errors: as above. */
int credentials_lend(const struct cmdline *words, const struct credentials *imported,
		     const char **ret, struct err *e);
void credentials_take_back(const char *folder);

/* The variables that tell the host of them; NULL-terminated. */
void credentials_environment(const struct credentials *c, const char *ret[static 3]);

/* What credentials_import() does, with everything given; for tests. */
struct credential_sources {
	const char *root;
	enum confidential confidential;
	const struct cmdline *words;
};

int credentials_collect(const struct credential_sources *from, struct credential_store *encrypted,
			struct credential_store *system, struct err *e);

/* The part of an OEM string from the name on, NULL if it is no credential. Pure. */
char *credential_in_oem_string(char *text, bool *ret_binary);

/* Splits NAME, separator, VALUE where it stands, and decodes a binary value. Fills name, p
 * and n. Returns NULL, or what is wrong; name is NULL then if it cannot be printed. Pure. */
const char *credential_parse(char *text, char separator, bool binary, struct credential *ret);
